#include "worker/diagnose/candidates.h"

#include <fmt/format.h>

#include "shared/format/read.h"
#include "worker/config/registry.h"
#include "worker/plugin/variables.h"
#include "worker/route/methods.h"
#include "worker/route/path_pattern.h"

namespace apisix::diagnose {
namespace {

using format::find_member;
using format::Json;
using route::Candidate;
using route::RouteEntry;
using route::Verdict;

constexpr std::size_t kTextsListed = 10;

std::string or_none(std::string_view text) {
  return text.empty() ? "(none)" : std::string(text);
}

void add_listed(std::string& out, std::string_view text, std::size_t at, std::size_t count) {
  if (at > kTextsListed) return;
  if (at == kTextsListed) {
    out += fmt::format(" and {} more", count - at);
  } else {
    out += (at > 0 ? ", " : "") + std::string(text);
  }
}

std::string methods_text(route::MethodMask mask) {
  std::string out;
  for (std::size_t i = 0; i < route::kMethodNames.size(); ++i) {
    if ((mask >> i & 1) != 0) out += (out.empty() ? "" : ", ") + std::string(route::kMethodNames[i]);
  }
  return out;
}

std::string hosts_text(const route::TextList& hosts) {
  std::string out;
  for (std::size_t i = 0; i < hosts.size(); ++i) add_listed(out, hosts[i], i, hosts.size());
  return out;
}

// The router keeps blocks of addresses; what the route says is in its JSON.
std::string blocks_text(const Json& route) {
  const Json& many = find_member(route, "remote_addrs");
  if (!many.isArray() || many.empty()) return format::to_json(find_member(route, "remote_addr"));
  std::string out;
  for (unsigned i = 0; i < many.size(); ++i) add_listed(out, format::to_json(many[i]), i, many.size());
  return out;
}

Json route_in_force(const config::Registry& registry, std::string_view id) {
  const auto object = registry.find_in_force("routes", id);
  const auto value = object ? format::parse_json(object->value) : base::Result<Json>(Json());
  return value.value_or(Json());
}

Json value_of(const route::VariableName& name, route::VariableReader& variables) {
  const Json* structured = name.may_be_structured() ? variables.read_value(name) : nullptr;
  if (structured != nullptr) return *structured;
  const auto text = variables.read(name);
  return text ? Json(std::string(*text)) : Json();
}

// Fills "vars" and returns it in words.
std::string explain_vars(const RouteEntry& entry, const Json& route, plugin::RequestState& request,
                         Json& out) {
  plugin::Variables variables(request);
  Json& list = out["vars"] = Json(::Json::arrayValue);
  std::string words;
  for (const auto& decisive : entry.vars->decisive(find_member(route, "vars"), variables)) {
    Json row(::Json::objectValue);
    const Json value = value_of(decisive.comparison->left, variables);
    row["expression"] = decisive.expression;
    row["variable"] = decisive.comparison->left.to_string();
    row["value"] = value;
    words +=
        fmt::format("{}{} where {} is {}", words.empty() ? "" : ", ", format::to_json(decisive.expression),
                    format::string_of(row["variable"]), value.isNull() ? "unset" : format::to_json(value));
    list.append(std::move(row));
  }
  return "does not hold: " + words;
}

// By what the router orders routes that all match: the host, the stored path, then priority, the length of
// the uri, and age.
std::string outranked_by(const Candidate& taken, const Candidate& candidate, route::RouterKind kind) {
  const RouteEntry& first = *taken.entry;
  const RouteEntry& second = *candidate.entry;
  const auto because = [&first](std::string_view text) { return fmt::format("route {} {}", first.id, text); };
  if (taken.host_pattern != candidate.host_pattern) {
    return because("has the more specific host " + taken.host_pattern);
  }
  const bool with_parameters = kind == route::RouterKind::kUriWithParameter;
  const auto one = route::path_shape(taken.path_pattern, with_parameters);
  const auto other = route::path_shape(candidate.path_pattern, with_parameters);
  if (one.exact != other.exact || one.prefix != other.prefix) {
    return because("has the more specific uri " + taken.path_pattern);
  }
  if (first.priority != second.priority) {
    return because(fmt::format("has priority {}, this one {}", first.priority, second.priority));
  }
  if (taken.path_pattern.size() != candidate.path_pattern.size()) {
    return because("has the longer uri " + taken.path_pattern);
  }
  if (&first == &second) return "the same route, found by another uri";
  return because("is the older one of equals");
}

std::string why(const Candidate& candidate, const Json& route, plugin::RequestState& request, Json& out) {
  const RouteEntry& entry = *candidate.entry;
  switch (candidate.verdict) {
    case Verdict::kMethod:
      return fmt::format("takes only {}", methods_text(entry.methods));
    case Verdict::kRemoteAddr:
      return fmt::format("takes only clients of {}, this one is {}", blocks_text(route),
                         request.remote_addr());
    case Verdict::kHost:
      return fmt::format("takes only {}, this is {}", hosts_text(entry.hosts), or_none(request.target.host));
    case Verdict::kVars:
      return explain_vars(entry, route, request, out);
    case Verdict::kFilter:
      return "filter_func says no";
    case Verdict::kPath:
      return fmt::format("{} has not the form of {}", request.target.match_path, candidate.path_pattern);
    case Verdict::kMatched:
      break;
  }
  return "";
}

}  // namespace

Json candidates_json(const config::Registry& registry, const route::Trail& trail,
                     plugin::RequestState& request) {
  Json list(::Json::arrayValue);
  const Candidate* const taken = trail.taken();
  for (const Candidate& candidate : trail.candidates) {
    const Json route = route_in_force(registry, candidate.entry->id);
    Json row(::Json::objectValue);
    row["id"] = candidate.entry->id;
    row["name"] = find_member(route, "name");
    row["uri"] = candidate.path_pattern;
    row["host"] = candidate.host_pattern;
    row["priority"] = static_cast<::Json::Int64>(candidate.entry->priority);
    if (&candidate == taken) {
      row["verdict"] = "taken";
      row["why"] = "";
    } else if (candidate.verdict == Verdict::kMatched) {
      row["verdict"] = "outranked";
      row["why"] = outranked_by(*taken, candidate, registry.options().router_kind);
    } else {
      row["verdict"] = std::string(route::verdict_name(candidate.verdict));
      row["why"] = why(candidate, route, request, row);
    }
    list.append(std::move(row));
  }
  return list;
}

}  // namespace apisix::diagnose
