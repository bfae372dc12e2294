// The JSON Schemas of all objects, as APISIX 3.18 publishes them: files of schemas/, embedded in the binary
// and compiled at their first use. One set per thread.
#pragma once

#include <span>
#include <string_view>

#include "shared/format/json.h"
#include "shared/format/schema.h"

namespace apisix::resource {

struct EmbeddedSchema {
  std::string_view name;  // the file's, without .json: "route", "secret_vault"
  std::string_view text;
};

// Alphabetical.
std::span<const EmbeddedSchema> embedded_schemas();

// The JSON text; empty when there is none of this name.
std::string_view find_schema_text(std::string_view name);

// Compiled. `name` must be that of a file in schemas/.
const format::Schema& get_schema(std::string_view name);

}  // namespace apisix::resource
