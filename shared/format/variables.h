// ${{VAR}} and ${{VAR:=default}}: what a configuration takes from the environment. Of config.yaml and
// apisix.json in the parsed values, of apisix.yaml in its text.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::format {

// The value of an environment variable, or none.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;
std::optional<std::string> own_environment(std::string_view name);

// Name -> value of those that were used.
using Variables = std::map<std::string, std::string>;

struct Replaced {
  std::string text;
  bool any = false;     // a variable was there
  std::string missing;  // the first variable that has no value
};
Replaced replace_variables(std::string_view text, const EnvironmentLookup& environment, Variables& used);

// What a value made from a variable is: a number (as Lua's tonumber() reads it), true, false, or the text.
Json typed_value(const std::string& text);

// In the raw text of a YAML document, before it is parsed: quotes then decide what a value is. What stands in
// a comment stays as it is. Fails with "can't find environment variable NAME".
base::Result<std::string> replace_variables_in_yaml(std::string_view text,
                                                    const EnvironmentLookup& environment, Variables& used);
// In the values and the names of members. A value made from a variable is typed_value(). Fails as above.
base::Status replace_variables_in_json(Json& value, const EnvironmentLookup& environment, Variables& used);

}  // namespace apisix::format
