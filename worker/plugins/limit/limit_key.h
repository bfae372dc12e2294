// LimitKey: by what a limit groups requests: the value of a variable, a text with variables, or a
// constant. A request for which it has no value is counted by its client's address. CounterName: the name of
// the counter that belongs to one key of one configuration.
#pragma once

#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/template.h"
#include "worker/plugin/variables.h"

namespace apisix::plugins {

class LimitKey {
 public:
  // `type`: var, var_combination or constant.
  LimitKey(std::string_view type, const std::string& key);

  // Never empty of meaning: falls back to the client's address.
  std::string_view of(plugin::Request& request) const;

 private:
  enum class Type : std::uint8_t { kVar, kVarCombination, kConstant };

  Type type_;
  route::VariableName variable_;
  plugin::Template text_;
};

class CounterName {
 public:
  // "<store prefix>/routes/1:<version of the configuration>:<key>". The version depends on the
  // configuration's text alone, so that no other change of the object sets its counters back.
  CounterName(const format::Json& conf, const plugin::BuildContext& context);
  // "<group>:<key>"
  explicit CounterName(const std::string& group) : before_(group + ":") {}

  std::string_view of(std::string_view key, base::Arena& arena) const {
    return after_.empty() ? arena.concat(before_, key) : arena.concat(before_, key, after_);
  }

 private:
  std::string before_;
  std::string after_;  // of a configuration inside another plugin's (`_vid`)
};

}  // namespace apisix::plugins
