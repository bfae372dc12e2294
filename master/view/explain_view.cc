#include "master/view/explain_view.h"

#include <fmt/format.h>

#include "shared/format/read.h"

namespace apisix::master {
namespace {

using format::find_member;
using format::Json;
using Cell = TextTable::Cell;
using Side = TextTable::Side;

std::string text(const Json& object, std::string_view name) {
  const Json& value = find_member(object, name);
  if (value.isString()) return printable(format::string_of(value));
  return value.isNull() ? std::string() : printable(format::to_json(value));
}

std::string joined(const Json& texts) {
  std::string out;
  for (const Json& one : texts)
    out += (out.empty() ? "" : ",") + (one.isString() ? format::string_of(one) : "");
  return out;
}

void add_title(std::vector<std::string>& out, const std::string& title, const TextStyle& style) {
  out.push_back("");
  out.push_back(painted(title, Tone::kBold, style));
}

void add_table(std::vector<std::string>& out, const TextTable& table, const TextStyle& style) {
  for (const std::string& line : table.lines(style)) out.push_back(line);
}

Tone verdict_tone(std::string_view verdict) {
  if (verdict == "taken") return Tone::kGood;
  return verdict == "outranked" ? Tone::kWarning : Tone::kDim;
}

void add_request(std::vector<std::string>& out, const Json& response) {
  const Json& request = find_member(response, "request");
  if (request.isNull()) return;
  const std::string args = text(request, "args");
  out.push_back(fmt::format("{} {}://{}{}{}{}, client {}", text(request, "method"), text(request, "scheme"),
                            text(request, "host"), text(request, "uri"), args.empty() ? "" : "?", args,
                            text(request, "remote_addr")));
}

void add_candidates(std::vector<std::string>& out, const Json& response, const TextStyle& style) {
  const Json& candidates = find_member(response, "candidates");
  if (candidates.empty()) return;
  add_title(out, fmt::format("Routes of this path, in the order of {}", text(response, "router")), style);
  TextTable table(
      {{"ROUTE"}, {"URI"}, {"HOST"}, {"PRIORITY", Side::kRight}, {"VERDICT"}, {"WHY", Side::kLeft, true}});
  for (const Json& row : candidates) {
    const std::string verdict = text(row, "verdict");
    table.add({text(row, "id"), text(row, "uri"), text(row, "host"), text(row, "priority"),
               Cell(verdict, verdict_tone(verdict)), text(row, "why")});
  }
  add_table(out, table, style);
  const Json& total = find_member(response, "candidates_total");
  if (total.isUInt64() && format::clamped<std::uint64_t>(total) > candidates.size()) {
    out.push_back(fmt::format("and {} more", format::clamped<std::uint64_t>(total) - candidates.size()));
  }
}

std::string named(const Json& object) {
  const std::string name = text(object, "name");
  return text(object, "id") + (name.empty() ? "" : " (" + name + ")");
}

void add_route(std::vector<std::string>& out, const Json& response, const TextStyle& style) {
  const Json& route = find_member(response, "route");
  if (route.isNull()) return;
  std::string line = "Route " + named(route);
  if (const Json& service = find_member(response, "service"); service.isObject())
    line += ", service " + named(service);
  if (const Json& consumer = find_member(response, "consumer"); consumer.isObject()) {
    line += ", consumer " + text(consumer, "username");
    if (!text(consumer, "group_id").empty()) line += " of group " + text(consumer, "group_id");
  }
  add_title(out, line, style);
  const Json& parameters = find_member(route, "parameters");
  for (const std::string& name :
       parameters.isObject() ? parameters.getMemberNames() : std::vector<std::string>()) {
    out.push_back(fmt::format("  {} = {}", printable(name), text(parameters, name)));
  }
}

void add_plugins(std::vector<std::string>& out, const Json& response, const TextStyle& style) {
  if (const Json& plugins = find_member(response, "plugins"); !plugins.empty()) {
    add_title(out, "Plugins, in the order in which they run in each phase", style);
    TextTable table(
        {{"PLUGIN"}, {"PRIORITY", Side::kRight}, {"FROM"}, {"PHASES"}, {"RUNS"}, {"WHY", Side::kLeft, true}});
    for (const Json& row : plugins) {
      const bool runs = find_member(row, "runs") == Json(true);
      table.add({text(row, "name"), text(row, "priority"), text(row, "from"),
                 joined(find_member(row, "phases")), runs ? Cell("yes") : Cell("no", Tone::kWarning),
                 text(row, "why")});
    }
    add_table(out, table, style);
  }
  const Json& left_out = find_member(response, "plugins_left_out");
  if (left_out.empty()) return;
  add_title(out, "Configured, and not run", style);
  TextTable table({{"PLUGIN"}, {"FROM"}, {"WHY", Side::kLeft, true}});
  for (const Json& row : left_out) table.add({text(row, "name"), text(row, "from"), text(row, "why")});
  add_table(out, table, style);
}

Cell health_of(const Json& node) {
  const Json& healthy = find_member(node, "healthy");
  if (healthy.isNull()) return Cell("unchecked", Tone::kDim);
  return format::is_true(healthy) ? Cell("healthy", Tone::kGood) : Cell("unhealthy", Tone::kBad);
}

void add_upstream(std::vector<std::string>& out, const Json& response, const TextStyle& style) {
  const Json& upstream = find_member(response, "upstream");
  if (upstream.isNull()) return;
  const std::string key = text(upstream, "hash_key");
  add_title(out,
            fmt::format("Upstream {}, {}{}", text(upstream, "from"), text(upstream, "balancer"),
                        key.empty() ? "" : " of " + key),
            style);
  const Json& picked = find_member(upstream, "node");
  TextTable table({{"NODE"},
                   {"WEIGHT", Side::kRight},
                   {"PRIORITY", Side::kRight},
                   {"HEALTH"},
                   {"ADDRESSES", Side::kLeft, true},
                   {"NEXT"}});
  for (const Json& node : find_member(upstream, "nodes")) {
    const bool is_next =
        text(node, "host") == text(picked, "host") && text(node, "port") == text(picked, "port");
    table.add({text(node, "host") + ":" + text(node, "port"), text(node, "weight"), text(node, "priority"),
               health_of(node), joined(find_member(node, "addresses")),
               is_next ? Cell("<-", Tone::kGood) : Cell(" ")});
  }
  add_table(out, table, style);
  const Json& sends = find_member(upstream, "sends");
  if (!sends.isNull()) {
    out.push_back(fmt::format("It gets {} with Host: {}", text(sends, "uri"), text(sends, "host")));
  }
}

}  // namespace

std::vector<std::string> explain_lines(const Json& response, const TextStyle& style) {
  std::vector<std::string> out;
  add_request(out, response);
  add_candidates(out, response, style);
  add_route(out, response, style);
  add_plugins(out, response, style);
  add_upstream(out, response, style);
  if (const Json& own = find_member(response, "answer"); own.isObject()) {
    out.push_back("");
    out.push_back(painted(fmt::format("The gateway answers {}: {}", text(own, "status"), text(own, "why")),
                          Tone::kBad, style));
  }
  const Json& notes = find_member(response, "notes");
  if (!notes.empty()) out.push_back("");
  for (const Json& note : notes) {
    if (note.isString()) out.push_back("Note: " + printable(format::string_of(note)));
  }
  return out;
}

}  // namespace apisix::master
