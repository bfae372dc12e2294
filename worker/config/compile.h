// JSON objects that passed their schema -> what requests use (compiled.h).
#pragma once

#include <cstdint>
#include <string>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/config/compiled.h"

namespace apisix::config {

// `id` names the upstream over its versions: its balancing state survives edits.
base::Result<base::Ref<const CompiledUpstream>> compile_upstream(const std::string& id,
                                                                 const format::Json& upstream,
                                                                 const upstream::ClusterWorld& world,
                                                                 std::uint64_t now_us);

// {connect, send, read} in seconds, fractions allowed; none when it is absent.
std::optional<Timeouts> compile_timeouts(const format::Json& timeout);

}  // namespace apisix::config
