// A text in a configuration that stands for a value kept elsewhere: "$env://NAME[/member]" of the
// environment,
// "$secret://manager/id/key" of a secrets manager that is configured as object manager/id. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::secret {

struct Reference {
  std::string manager;  // "vault"
  std::string id;       // of the object: "1"
  std::string key;      // what the manager is asked for: "users/jack/password"; not empty
};

// "$env://" in any case of letters.
bool is_environment_reference(std::string_view text);
// Of "$secret://..."; the errors are APISIX's ("error format: no secret manager").
base::Result<Reference> parse_reference(std::string_view text);

// The variable; with a member behind it, that member of the JSON object that the variable holds. Read from
// the environment that the process was started with.
base::Result<format::Json> read_environment(std::string_view reference);
// The text that a configured text stands for when it names a variable that is set; else the text itself.
std::string expand_environment(const std::string& text);

}  // namespace apisix::secret
