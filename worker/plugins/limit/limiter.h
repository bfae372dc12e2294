// Limiter: base of what limits requests by a key: the names of its counters, the response to a request above
// the limit, and what becomes of requests for which the limit cannot be applied. RuleKey: the key of one of
// its rules.
#pragma once

#include <optional>
#include <string_view>

#include "worker/plugin/conf.h"
#include "worker/plugin/rejection.h"
#include "worker/plugin/template.h"
#include "worker/plugins/limit/limit_key.h"

namespace apisix::plugins {

class Limiter {
 protected:
  // Reads rejected_code, rejected_msg and allow_degradation.
  Limiter(const plugin::Conf& conf, CounterName counter)
      : counter_(std::move(counter)), rejection_(conf), allows_degradation_(conf.flag("allow_degradation")) {}
  ~Limiter() = default;

  std::string_view counter_of(std::string_view key, plugin::Request& request) const {
    return counter_.of(key, request.arena());
  }
  plugin::Outcome reject(plugin::Request& request) const { return rejection_.of(request); }
  bool allows_degradation() const { return allows_degradation_; }
  // The limit cannot be applied, which the caller has logged: the request passes only where that is allowed.
  plugin::Outcome degrade(plugin::Request& request) const {
    return allows_degradation_ ? plugin::Outcome::kPass : request.reject_page(500);
  }

 private:
  const CounterName counter_;
  const plugin::Rejection rejection_;
  const bool allows_degradation_;
};

class RuleKey {
 public:
  // `is_only`: the configuration is itself the rule; its key has a key_type. In `rules` a key is a text with
  // variables.
  RuleKey(const plugin::Conf& conf, bool is_only);

  // None: all variables of the text are unset, so that the rule does not apply. An only rule always applies.
  std::optional<std::string_view> of(plugin::Request& request) const;
  bool is_of_only_rule() const { return key_.has_value(); }

 private:
  std::optional<LimitKey> key_;  // none: `text_` is
  plugin::Template text_;
};

}  // namespace apisix::plugins
