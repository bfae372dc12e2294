#include "shared/resource/schemas.h"

#include <algorithm>
#include <map>
#include <string>

#include "shared/base/check.h"

namespace apisix::resource {

std::string_view find_schema_text(std::string_view name) {
  const auto all = embedded_schemas();
  const auto found = std::ranges::find(all, name, &EmbeddedSchema::name);
  return found != all.end() ? found->text : std::string_view{};
}

const format::Schema& get_schema(std::string_view name) {
  // Per thread: a compiled schema holds regular expressions, which belong to one thread.
  thread_local std::map<std::string_view, format::Schema> compiled;
  const auto known = compiled.find(name);
  if (known != compiled.end()) return known->second;
  const auto all = embedded_schemas();
  const auto found = std::ranges::find(all, name, &EmbeddedSchema::name);
  CHECK(found != all.end());
  const auto json = format::parse_json(found->text);
  CHECK(json.has_value());
  auto schema = format::Schema::compile(*json);
  CHECK(schema.has_value());
  return compiled.emplace(found->name, std::move(*schema)).first->second;
}

}  // namespace apisix::resource
