// What the router knows of one route: where it is found and the conditions for taking it. What the route
// does is behind `target`, which the router never looks at.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/route/match_rule.h"
#include "worker/route/methods.h"
#include "worker/route/text_list.h"
#include "worker/route/variable_name.h"

namespace apisix::route {

struct RouteEntry {
  const void* target = nullptr;          // the compiled route; counted by its owner
  std::uint64_t sequence = 0;            // order among equals: that of creation, kept when a route is changed
  std::int64_t priority = 0;             // higher first, among routes of the same URI text
  MethodMask methods = 0;                // 0 = all
  std::vector<base::Cidr> remote_addrs;  // empty = all
  std::shared_ptr<const MatchRule> vars;  // nullptr = none
  TextList uris;                          // at least one
  TextList hosts;                         // empty = all; its own or, without any, those of its service
  std::string id;
  std::function<bool(VariableReader&)> filter;  // of filter_func; empty = none

  // From a route that passed its schema. `service` is the service that it is bound to, nullptr when it has
  // none or the service is missing: then the route matches on any host. Leaves target, sequence and filter to
  // the caller. The error names the field.
  static base::Result<RouteEntry> from_json(std::string id, const format::Json& route,
                                            const format::Json* service);
};

// As hosts are compared (base::comparable_host()), each once, in the order given.
TextList comparable_hosts(const TextList& hosts);

// A route with status 0 is not put into the router; a missing status means enabled.
bool is_enabled(const format::Json& route);

}  // namespace apisix::route
