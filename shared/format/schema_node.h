// The compiled form of a JSON Schema: one SchemaNode for each subschema, rules grouped by the kind of value
// they look at. Internal to the schema_*.cc files. Nodes may refer to each other in circles ($ref), so all
// are owned by CompiledSchema and none by another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/format/json.h"
#include "shared/format/regex.h"

namespace apisix::format {

struct SchemaNode;

// Bits of SchemaNode::types.
enum JsonType : std::uint8_t {
  kObject = 1,
  kArray = 2,
  kTable = 4,  // either
  kInteger = 8,
  kNumber = 16,
  kString = 32,
  kBoolean = 64,
  kNull = 128,
};

// "when this property exists": others must exist too, or the whole object must match.
struct DependencyRule {
  std::string property;
  std::vector<std::string> required;
  const SchemaNode* node = nullptr;  // set when it is a schema
};

struct PropertyRule {
  std::string name;
  const SchemaNode* node = nullptr;
  bool is_required = false;
  std::optional<Json> default_value;
  std::optional<DependencyRule> dependency;
};

struct SchemaPattern {
  std::string text;
  Regex regex;
};

struct PatternRule {
  SchemaPattern pattern;
  const SchemaNode* node = nullptr;
};

struct ObjectRules {
  std::vector<PropertyRule> properties;      // alphabetical
  std::vector<std::string> required;         // those that are not among `properties`
  std::vector<std::string> required_all;     // as written, for messages and hints
  bool must_be_empty = false;                // "required": []
  std::vector<DependencyRule> dependencies;  // of names that are not among `properties`
  std::vector<PatternRule> patterns;         // alphabetical
  bool allows_additional = true;             // false: only those named or matched
  const SchemaNode* additional = nullptr;    // what the others must match
  std::optional<std::size_t> properties_min;
  std::optional<std::size_t> properties_max;
};

struct ArrayRules {
  enum class Items : std::uint8_t { kAny, kAlways, kNever, kEach, kTuple } items = Items::kAny;
  std::vector<const SchemaNode*> nodes;  // one for kEach, one per position for kTuple
  bool allows_additional = true;
  const SchemaNode* additional = nullptr;  // behind a tuple
  std::optional<std::size_t> items_min;
  std::optional<std::size_t> items_max;
  bool unique = false;
};

struct StringRules {
  std::optional<std::size_t> length_min;
  std::optional<std::size_t> length_max;
  std::optional<SchemaPattern> pattern;
};

struct NumberRules {
  std::optional<double> minimum;
  std::optional<double> exclusive_minimum;
  std::optional<double> maximum;
  std::optional<double> exclusive_maximum;
  std::optional<double> multiple_of;
};

struct CompoundRules {
  std::vector<const SchemaNode*> all_of;
  std::vector<const SchemaNode*> any_of;
  std::vector<const SchemaNode*> one_of;
  std::string any_of_fault;  // names what the branches require
  const SchemaNode* if_node = nullptr;
  const SchemaNode* then_node = nullptr;
  const SchemaNode* else_node = nullptr;
  const SchemaNode* not_node = nullptr;
};

enum class StringFormat : std::uint8_t { kNone, kIpv4, kIpv6, kOther };

struct ContainsRule {
  std::optional<bool> always;
  const SchemaNode* node = nullptr;
};

struct SchemaNode {
  std::optional<bool> always;  // the schema is `true` or `false`
  std::uint8_t types = 0;      // 0 = any
  std::string types_fault;     // "wrong type: expected string, got "
  bool passes_secret_refs = true;
  std::unique_ptr<ObjectRules> object;
  std::unique_ptr<ArrayRules> array;
  std::unique_ptr<StringRules> string;
  std::unique_ptr<NumberRules> number;
  std::optional<Json> enumeration;
  std::unique_ptr<CompoundRules> compound;
  std::optional<bool> property_names;
  StringFormat format = StringFormat::kNone;
  std::string format_name;
  std::optional<SchemaPattern> format_pattern;  // of StringFormat::kOther
  std::optional<Json> constant;
  std::unique_ptr<ContainsRule> contains;
};

// Of a schema that is compiled, and of a check of a value: schemas may refer to themselves without going
// deeper into the value.
inline constexpr int kSchemaDepthMax = 300;

struct CompiledSchema {
  std::deque<SchemaNode> nodes;
  const SchemaNode* root = nullptr;
};

// The whole of schema_compile.cc.
base::Result<std::unique_ptr<const CompiledSchema>> compile_schema(const Json& schema);

}  // namespace apisix::format
