// How a write is to be done: ?dry_run=true, ?wait=<ms>. Read once, by one function, so that
// the check of permissions and the write cannot read it differently.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/result.h"
#include "shared/store/store.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

inline constexpr std::uint64_t kWaitMsMax = 60'000;

struct WriteMode {
  bool is_dry_run = false;               // check and respond, but store nothing
  std::optional<std::uint64_t> wait_ms;  // until all workers of this node serve with it; 1 to kWaitMsMax
};

// Of the raw query. A value that is not understood, or two different ones, is an error and never a write: the
// text of a 400.
base::Result<WriteMode> parse_write_mode(std::string_view query);
// The revision of the header If-Match, with or without quotes; nothing: there is none. The error is the text
// of a 400.
base::Result<std::optional<store::Revision>> parse_if_match(const proxy::LocalRequest& request);

}  // namespace apisix::admin
