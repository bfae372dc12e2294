// The full description of a request that loggers write where no log_format is configured, as the text that it
// is sent as: for a logger of every request a tree of values costs ten times what it describes. Members are
// in the order of their names, as format::to_json() writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/plugin/request_state.h"

namespace apisix::plugin {

// What the request does not say itself.
struct EntryTexts {
  std::string_view request_body;                  // empty: none
  std::optional<std::string_view> response_body;  // nothing: it was not kept
  std::string_view no_route_id;  // stands for the route where none matched; empty: nothing does
};

std::string full_entry(RequestState& request, const EntryTexts& texts);

}  // namespace apisix::plugin
