// Condition: an expression over the request's variables in a plugin's configuration (the language of a
// route's `vars`): compiled once, evaluated with Variables.
#pragma once

#include "worker/route/match_rule.h"

namespace apisix::plugin {

using Condition = route::MatchRule;

}  // namespace apisix::plugin
