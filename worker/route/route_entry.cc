#include "worker/route/route_entry.h"

#include "shared/base/host_name.h"
#include "shared/base/text.h"
#include "shared/format/read.h"

namespace apisix::route {
namespace {

using format::find_member;
using format::Json;

// The strings of `many`, an array, or else the one of `one`.
TextList texts_of(const Json& many, const Json& one) {
  TextList out;
  for (const Json& item : many) {
    if (item.isString()) out.push_back(format::string_of(item));
  }
  if (out.empty() && one.isString()) out.push_back(format::string_of(one));
  return out;
}

TextList hosts_of(const Json& route, const Json* service) {
  auto hosts = texts_of(find_member(route, "hosts"), find_member(route, "host"));
  if (hosts.empty() && service != nullptr) hosts = texts_of(find_member(*service, "hosts"), Json());
  return comparable_hosts(hosts);
}

}  // namespace

TextList comparable_hosts(const TextList& hosts) {
  TextList out;
  for (const std::string_view host : hosts) {
    const std::string comparable = base::comparable_host(host);
    if (!out.contains(comparable)) out.push_back(comparable);
  }
  return out;
}

bool is_enabled(const Json& route) {
  const Json& status = find_member(route, "status");
  return !status.isNumeric() || format::number_of(status) != 0;
}

base::Result<RouteEntry> RouteEntry::from_json(std::string id, const Json& route, const Json* service) {
  RouteEntry entry;
  entry.id = std::move(id);
  entry.uris = texts_of(find_member(route, "uris"), find_member(route, "uri"));
  entry.hosts = hosts_of(route, service);
  const Json& priority = find_member(route, "priority");
  if (priority.isNumeric()) entry.priority = format::clamped<std::int64_t>(priority);
  for (const std::string_view name : texts_of(find_member(route, "methods"), Json())) {
    const MethodMask bit = method_bit(name);
    if (bit == 0) return base::invalid("methods: unknown method \"" + std::string(name) + "\"");
    entry.methods |= bit;
  }
  for (const std::string_view text :
       texts_of(find_member(route, "remote_addrs"), find_member(route, "remote_addr"))) {
    const auto block = base::Cidr::parse(text);
    if (!block) return base::invalid("remote_addrs: " + block.error().what);
    entry.remote_addrs.push_back(*block);
  }
  const Json& vars = find_member(route, "vars");
  if (!vars.isNull()) {
    auto rule = MatchRule::compile(vars);
    if (!rule) return base::invalid("failed to validate the 'vars' expression: " + rule.error().what);
    if (!rule->always_true()) entry.vars = std::make_shared<const MatchRule>(std::move(*rule));
  }
  return entry;
}

}  // namespace apisix::route
