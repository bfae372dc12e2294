// What `apisix health` prints: the nodes that are checked, from the table of the agent and the workers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "master/view/text_table.h"
#include "shared/format/json.h"
#include "shared/memory/health_table.h"

namespace apisix::master {

struct CheckedUpstream {
  std::string name;  // the store's key of what has it in it: "/apisix/upstreams/1"
  std::vector<memory::HealthTable::Target> nodes;
};

// Of the named ones only, unless there are no `names`: "upstreams/1".
std::vector<CheckedUpstream> read_health(const memory::HealthTable& table,
                                         const std::vector<std::string>& names);
// The first of `names` that none of `upstreams` has; "" when all are there.
std::string missing_name(const std::vector<CheckedUpstream>& upstreams,
                         const std::vector<std::string>& names);
std::size_t count_unhealthy(const std::vector<CheckedUpstream>& upstreams);

// "/apisix/upstreams/1" as "upstreams/1"
std::string short_key(std::string_view key);

std::vector<std::string> health_lines(const std::vector<CheckedUpstream>& upstreams, const TextStyle& style);
// As GET /v1/healthcheck has it, without the `type`.
format::Json health_json(const std::vector<CheckedUpstream>& upstreams);

}  // namespace apisix::master
