#include "master/view/health_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "master/view/figures.h"
#include "shared/inspect/health_node.h"

namespace apisix::master {
namespace {

using format::Json;
using memory::HealthStatus;
using memory::HealthTable;
using Side = TextTable::Side;

Tone tone_of(HealthStatus status) {
  switch (status) {
    case HealthStatus::kHealthy:
      return Tone::kGood;
    case HealthStatus::kMostlyHealthy:
    case HealthStatus::kMostlyUnhealthy:
      return Tone::kWarning;
    case HealthStatus::kUnhealthy:
      break;
  }
  return Tone::kBad;
}

std::string address_of(const HealthTable::Target& node) {
  const std::string ip = node.ip.to_string();
  return fmt::format(fmt::runtime(ip.contains(':') ? "[{}]:{}" : "{}:{}"), ip, node.port);
}

bool is_meant(std::string_view key, const std::vector<std::string>& names) {
  return names.empty() || std::ranges::find(names, short_key(key)) != names.end();
}

}  // namespace

std::string short_key(std::string_view key) {
  const std::size_t last = key.rfind('/');
  if (last == std::string_view::npos || last == 0) return std::string(key);
  const std::size_t kind = key.rfind('/', last - 1);
  return std::string(kind == std::string_view::npos ? key : key.substr(kind + 1));
}

std::vector<CheckedUpstream> read_health(const HealthTable& table, const std::vector<std::string>& names) {
  std::vector<CheckedUpstream> out;
  for (const auto& [name, checker] : table.checkers()) {
    if (is_meant(name, names)) out.push_back({name, table.targets(checker)});
  }
  std::erase_if(out, [](const CheckedUpstream& upstream) { return upstream.nodes.empty(); });
  std::ranges::sort(out, {}, &CheckedUpstream::name);
  return out;
}

std::string missing_name(const std::vector<CheckedUpstream>& upstreams,
                         const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool is_there = std::ranges::any_of(
        upstreams, [&](const CheckedUpstream& upstream) { return short_key(upstream.name) == name; });
    if (!is_there) return name;
  }
  return {};
}

std::size_t count_unhealthy(const std::vector<CheckedUpstream>& upstreams) {
  std::size_t count = 0;
  for (const CheckedUpstream& upstream : upstreams) {
    count += static_cast<std::size_t>(std::ranges::count_if(
        upstream.nodes, [](const auto& node) { return !memory::is_usable(node.state.status); }));
  }
  return count;
}

std::vector<std::string> health_lines(const std::vector<CheckedUpstream>& upstreams, const TextStyle& style) {
  if (upstreams.empty()) {
    return {"No node is checked: no upstream with `checks` is in use, or they are disabled."};
  }
  TextTable table({{"UPSTREAM", Side::kLeft, true},
                   {"NODE"},
                   {"HOST", Side::kLeft, true},
                   {"STATUS"},
                   {"OK", Side::kRight},
                   {"HTTP", Side::kRight},
                   {"TCP", Side::kRight},
                   {"TIMEOUT", Side::kRight}});
  std::size_t nodes = 0;
  for (const CheckedUpstream& upstream : upstreams) {
    for (const HealthTable::Target& node : upstream.nodes) {
      const memory::HealthState& state = node.state;
      ++nodes;
      table.add({short_key(upstream.name),
                 address_of(node),
                 node.hostname == node.ip.to_string() ? std::string() : node.hostname,
                 {std::string(memory::name_of(state.status)), tone_of(state.status)},
                 std::to_string(state.success),
                 std::to_string(state.http_failure),
                 std::to_string(state.tcp_failure),
                 std::to_string(state.timeout_failure)});
    }
  }
  std::vector<std::string> out = table.lines(style);
  const std::size_t unhealthy = count_unhealthy(upstreams);
  out.emplace_back();
  out.push_back(painted(fmt::format("{} of {} nodes unhealthy", count_text(unhealthy), count_text(nodes)),
                        unhealthy > 0 ? Tone::kBad : Tone::kGood, style));
  return out;
}

Json health_json(const std::vector<CheckedUpstream>& upstreams) {
  Json out(::Json::arrayValue);
  for (const CheckedUpstream& upstream : upstreams) {
    Json one(::Json::objectValue);
    one["name"] = upstream.name;
    one["nodes"] = Json(::Json::arrayValue);
    for (const HealthTable::Target& node : upstream.nodes) one["nodes"].append(inspect::health_node(node));
    out.append(one);
  }
  return out;
}

}  // namespace apisix::master
