// The rules of a JSON Schema that look at one value alone, each answering in the words of APISIX's
// validator; and how that validator sees JSON (as Lua tables). Pure functions, internal to schema_*.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "shared/format/schema_node.h"

namespace apisix::format {

// A broken rule; `rule` is null when all is well.
struct BrokenRule {
  const char* rule = nullptr;
  std::string message;
  explicit operator bool() const { return rule != nullptr; }
};

// An empty array and an empty object are the same to Lua.
inline bool is_empty_table(const Json& value) {
  return (value.isArray() || value.isObject()) && value.empty();
}
inline bool counts_as_object(const Json& value) {
  return value.isObject() || (value.isArray() && value.empty());
}
inline bool counts_as_array(const Json& value) {
  return value.isArray() || (value.isObject() && value.empty());
}

// What Lua's type() says: "table", "string", "number", "boolean", or "userdata" for null.
std::string_view lua_type(const Json& value);
// As Lua prints a number: at most 14 digits.
std::string lua_number(double number);
// As Lua's %q, which APISIX's messages show patterns and values in.
std::string lua_quote(std::string_view text);
// Characters of UTF-8; each byte that starts no valid sequence counts as one.
std::size_t utf8_length(std::string_view text);
// -1, 0, 1: a total order in which equal means deeply equal as in Lua (1 == 1.0, [] == {}).
int compare_as_lua(const Json& a, const Json& b);
// A whole number, also when written as 1.0.
bool is_whole(const Json& value);
std::string_view text_of(const Json& string);

BrokenRule check_type(const SchemaNode& node, const Json& value);
BrokenRule check_property_count(const ObjectRules& rules, const Json& object);
BrokenRule check_item_count(const ArrayRules& rules, const Json& array);
BrokenRule check_unique(const ArrayRules& rules, const Json& array);
BrokenRule check_string(const StringRules& rules, const Json& string);
BrokenRule check_number(const NumberRules& rules, const Json& number);
BrokenRule check_enumeration(const SchemaNode& node, const Json& value);
BrokenRule check_format(const SchemaNode& node, const Json& value);
BrokenRule check_constant(const SchemaNode& node, const Json& value);

}  // namespace apisix::format
