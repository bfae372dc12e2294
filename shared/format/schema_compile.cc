// Json -> Nodes. Every subschema is compiled once, however many references lead to it.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <unordered_map>

#include "shared/base/text.h"
#include "shared/format/schema_node.h"
#include "shared/format/schema_rules.h"

namespace apisix::format {
namespace {

constexpr int kReferenceHopsMax = 64;

// Stops the compilation from any depth; caught in compile(), as the library's exceptions are.
struct BadSchema {
  std::string what;
};

struct TypeName {
  std::string_view name;
  JsonType bit;
};
constexpr TypeName kTypeNames[] = {
    {"object", kObject}, {"array", kArray},   {"table", kTable},     {"integer", kInteger},
    {"number", kNumber}, {"string", kString}, {"boolean", kBoolean}, {"null", kNull},
};

struct FormatPattern {
  std::string_view name;
  const char* pattern;
};
constexpr FormatPattern kFormatPatterns[] = {
    {"email", R"(^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+\.[A-Za-z]{2,4}$)"},
    {"hostname", "^[a-zA-Z0-9.-]+$"},
    {"uuid", "^[[:xdigit:]]{8}(-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12}$"},
    {"date", R"(^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$)"},
    {"date-time", R"(^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?)"
                  R"(([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$)"},
    {"uri", R"(^[a-zA-Z][a-zA-Z0-9+.-]*:\S*$)"},
};

// One step of a JSON pointer as written in a fragment: %xx, then ~1 and ~0.
std::string unescape_step(std::string_view step) {
  std::string plain;
  for (std::size_t i = 0; i < step.size(); ++i) {
    unsigned value = 0;
    if (step[i] == '%' && i + 2 < step.size() &&
        std::sscanf(std::string(step.substr(i + 1, 2)).c_str(), "%2x", &value) == 1) {
      plain += static_cast<char>(value);
      i += 2;
    } else if (step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1')) {
      plain += step[++i] == '0' ? '~' : '/';
    } else {
      plain += step[i];
    }
  }
  return plain;
}

// What std::int64_t and double hold bounds a number where its schema does not: no reader has to cut it (some
// versions of the parser make infinity of 1e999).
void bound_to_types(NumberRules& rules, std::uint8_t types) {
  if ((types & (kInteger | kNumber)) == 0) return;
  const double most = (types & kNumber) != 0 ? std::numeric_limits<double>::max() : 0x1p63;
  if (!rules.minimum && !rules.exclusive_minimum) rules.minimum = -most;
  if (!rules.maximum && !rules.exclusive_maximum) rules.maximum = most;
}

// In the words of Lua, as APISIX's validator fails.
std::string table_expected(const Json& value) {
  const char* const type = value.isString()    ? "string"
                           : value.isBool()    ? "boolean"
                           : value.isNumeric() ? "number"
                                               : "table";
  return std::string("table expected, got ") + type;
}

class Compiler {
 public:
  Compiler(const Json& root, CompiledSchema& out) : root_(root), out_(out) {}

  const SchemaNode* compile(const Json& schema, const std::string& where);

 private:
  const Json& resolve(const Json& schema, const std::string& where) const;
  const Json& follow(std::string_view reference, const std::string& where) const;
  void fill(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_types(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_object(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_properties(ObjectRules& rules, const Json& schema, const std::string& where);
  void fill_dependencies(ObjectRules& rules, const Json& schema, const std::string& where);
  void fill_array(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_items(ArrayRules& rules, const Json& schema, const std::string& where);
  void fill_string(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_number(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_compound(SchemaNode& node, const Json& schema, const std::string& where);
  void fill_format(SchemaNode& node, const Json& schema);
  void fill_contains(SchemaNode& node, const Json& schema, const std::string& where);

  const SchemaNode* optional_node(const Json& schema, const char* keyword, const std::string& where);
  std::vector<const SchemaNode*> node_list(const Json& schema, const char* keyword, const std::string& where);
  SchemaPattern pattern(const std::string& text, const std::string& where) const;
  std::optional<double> number(const Json& schema, const char* keyword, const std::string& where) const;
  std::optional<std::size_t> count(const Json& schema, const char* keyword, const std::string& where) const;
  std::vector<std::string> names(const Json& list, const std::string& where) const;

  [[noreturn]] static void bad(const std::string& where, const std::string& what) {
    throw BadSchema{(where.empty() ? std::string("schema") : "schema " + where) + ": " + what};
  }

  const Json& root_;
  CompiledSchema& out_;
  int depth_ = 0;                                            // of what is being filled
  std::unordered_map<const Json*, const SchemaNode*> done_;  // also those being filled: references may circle
};

const SchemaNode* Compiler::compile(const Json& schema, const std::string& where) {
  const Json& resolved = resolve(schema, where);
  if (const auto found = done_.find(&resolved); found != done_.end()) return found->second;
  // References lead deeper than the text is nested: from each of many definitions to the next.
  if (depth_ >= kSchemaDepthMax) bad(where, "the schema is too deep");
  ++depth_;
  SchemaNode& node = out_.nodes.emplace_back();
  done_.emplace(&resolved, &node);
  if (resolved.isBool()) {
    node.always = resolved.asBool();
  } else if (resolved.isObject()) {
    fill(node, resolved, where);
  } else if (!is_empty_table(resolved)) {
    bad(where, "expected an object or a boolean");
  }
  --depth_;
  return &node;
}

const Json& Compiler::resolve(const Json& schema, const std::string& where) const {
  const Json* at = &schema;
  for (int hops = 0; hops < kReferenceHopsMax; ++hops) {
    const Json& reference = find_member(*at, "$ref");
    if (!reference.isString()) return *at;
    at = &follow(text_of(reference), where);
  }
  bad(where, "$ref leads in a circle");
}

const Json& Compiler::follow(std::string_view reference, const std::string& where) const {
  const auto lost = [&] { bad(where, "reference not found: " + std::string(reference)); };
  if (reference.empty() || reference[0] != '#') lost();
  const Json* at = &root_;
  std::string_view rest = reference.substr(1);
  while (!rest.empty()) {
    if (rest[0] != '/') lost();
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string step = unescape_step(rest.substr(0, end));
    rest.remove_prefix(end);
    const Json* next = nullptr;
    if (at->isObject()) {
      next = at->find(step.data(), step.data() + step.size());
    } else if (const auto index = base::parse_integer<::Json::ArrayIndex>(step); at->isArray() && index) {
      if (*index < at->size()) next = &(*at)[*index];
    }
    if (next == nullptr) lost();
    at = next;
  }
  return *at;
}

void Compiler::fill(SchemaNode& node, const Json& schema, const std::string& where) {
  fill_types(node, schema, where);
  fill_object(node, schema, where);
  fill_array(node, schema, where);
  fill_string(node, schema, where);
  fill_number(node, schema, where);
  if (const Json& values = find_member(schema, "enum"); !values.isNull()) {
    if (!values.isArray()) bad(where, "enum must be an array: " + table_expected(values));
    node.enumeration = values;
  }
  fill_compound(node, schema, where);
  if (const Json& names_rule = find_member(schema, "propertyNames"); names_rule.isBool()) {
    node.property_names = names_rule.asBool();
  }
  fill_format(node, schema);
  if (schema.isObject() && schema.isMember("const")) node.constant = find_member(schema, "const");
  fill_contains(node, schema, where);
}

void Compiler::fill_types(SchemaNode& node, const Json& schema, const std::string& where) {
  const Json& type = find_member(schema, "type");
  if (type.isNull()) return;
  const auto add = [&](const Json& name) {
    const auto* found = std::find_if(std::begin(kTypeNames), std::end(kTypeNames),
                                     [&](const TypeName& known) { return known.name == text_of(name); });
    if (!name.isString() || found == std::end(kTypeNames)) {
      bad(where, "invalid JSON type: " + (name.isString() ? name.asString() : to_json(name)));
    }
    node.types |= found->bit;
  };
  if (type.isString()) {
    add(type);
    node.types_fault = "wrong type: expected " + type.asString() + ", got ";
    node.passes_secret_refs = node.types == kString;
    return;
  }
  if (!type.isArray() || type.empty()) bad(where, "type must be a name or a list of names");
  std::string list;
  for (const Json& name : type) {
    add(name);
    list += (list.empty() ? "" : ", ") + name.asString();
  }
  node.types_fault = "wrong type: expected one of " + list + ", got ";
  node.passes_secret_refs = false;
}

void Compiler::fill_object(SchemaNode& node, const Json& schema, const std::string& where) {
  static constexpr const char* kKeywords[] = {"properties",    "additionalProperties", "patternProperties",
                                              "minProperties", "maxProperties",        "dependencies",
                                              "required"};
  if (std::ranges::none_of(kKeywords, [&](const char* keyword) { return schema.isMember(keyword); })) return;
  node.object = std::make_unique<ObjectRules>();
  ObjectRules& rules = *node.object;
  fill_properties(rules, schema, where);
  fill_dependencies(rules, schema, where);
  if (const Json& patterns = find_member(schema, "patternProperties"); patterns.isObject()) {
    for (auto member = patterns.begin(); member != patterns.end(); ++member) {
      const std::string at = where + "/patternProperties/" + member.name();
      rules.patterns.push_back({pattern(member.name(), at), compile(*member, at)});
    }
  }
  const Json& additional = find_member(schema, "additionalProperties");
  if (additional.isBool()) {
    rules.allows_additional = additional.asBool();
  } else if (!additional.isNull()) {
    rules.additional = compile(additional, where + "/additionalProperties");
  }
  rules.properties_min = count(schema, "minProperties", where);
  rules.properties_max = count(schema, "maxProperties", where);
}

void Compiler::fill_properties(ObjectRules& rules, const Json& schema, const std::string& where) {
  const Json& required = find_member(schema, "required");
  if (!required.isNull()) rules.required_all = names(required, where + "/required");
  rules.must_be_empty = !required.isNull() && rules.required_all.empty();
  rules.required = rules.required_all;
  const Json& properties = find_member(schema, "properties");
  if (properties.isNull() || is_empty_table(properties)) return;
  if (!properties.isObject()) bad(where, "properties must be an object");
  for (auto member = properties.begin(); member != properties.end(); ++member) {
    PropertyRule property;
    property.name = member.name();
    property.node = compile(*member, where + "/properties/" + property.name);
    property.is_required = std::erase(rules.required, property.name) != 0;
    if (const Json& value = find_member(*member, "default"); !value.isNull()) property.default_value = value;
    rules.properties.push_back(std::move(property));
  }
}

void Compiler::fill_dependencies(ObjectRules& rules, const Json& schema, const std::string& where) {
  const Json& dependencies = find_member(schema, "dependencies");
  if (!dependencies.isObject()) return;
  for (auto member = dependencies.begin(); member != dependencies.end(); ++member) {
    DependencyRule dependency{.property = member.name(), .required = {}, .node = nullptr};
    const std::string at = where + "/dependencies/" + dependency.property;
    if (member->isArray() && !member->empty()) {
      dependency.required = names(*member, at);
    } else {
      dependency.node = compile(*member, at);
    }
    const auto declared = std::ranges::find(rules.properties, dependency.property, &PropertyRule::name);
    if (declared != rules.properties.end()) {
      declared->dependency = std::move(dependency);
    } else {
      rules.dependencies.push_back(std::move(dependency));
    }
  }
}

void Compiler::fill_array(SchemaNode& node, const Json& schema, const std::string& where) {
  const bool unique =
      find_member(schema, "uniqueItems").isBool() && find_member(schema, "uniqueItems").asBool();
  static constexpr const char* kKeywords[] = {"items", "minItems", "maxItems"};
  if (!unique && std::ranges::none_of(kKeywords, [&](const char* k) { return schema.isMember(k); })) return;
  node.array = std::make_unique<ArrayRules>();
  node.array->unique = unique;
  node.array->items_min = count(schema, "minItems", where);
  node.array->items_max = count(schema, "maxItems", where);
  fill_items(*node.array, schema, where);
}

void Compiler::fill_items(ArrayRules& rules, const Json& schema, const std::string& where) {
  const Json& items = find_member(schema, "items");
  if (items.isNull()) return;
  const std::string at = where + "/items";
  if (items.isBool()) {
    rules.items = items.asBool() ? ArrayRules::Items::kAlways : ArrayRules::Items::kNever;
  } else if (items.isArray() && !items.empty()) {
    rules.items = ArrayRules::Items::kTuple;
    for (::Json::ArrayIndex i = 0; i < items.size(); ++i) {
      rules.nodes.push_back(compile(items[i], at + "/" + std::to_string(i)));
    }
    const Json& additional = find_member(schema, "additionalItems");
    if (additional.isBool()) {
      rules.allows_additional = additional.asBool();
    } else if (!additional.isNull()) {
      rules.additional = compile(additional, where + "/additionalItems");
    }
  } else {
    rules.items = ArrayRules::Items::kEach;
    rules.nodes.push_back(compile(items, at));
  }
}

void Compiler::fill_string(SchemaNode& node, const Json& schema, const std::string& where) {
  const Json& text = find_member(schema, "pattern");
  if (!schema.isMember("minLength") && !schema.isMember("maxLength") && text.isNull()) return;
  node.string = std::make_unique<StringRules>();
  node.string->length_min = count(schema, "minLength", where);
  node.string->length_max = count(schema, "maxLength", where);
  if (text.isNull()) return;
  if (!text.isString()) bad(where, "pattern must be a string");
  node.string->pattern = pattern(text.asString(), where);
}

void Compiler::fill_number(SchemaNode& node, const Json& schema, const std::string& where) {
  NumberRules rules{.minimum = number(schema, "minimum", where),
                    .exclusive_minimum = number(schema, "exclusiveMinimum", where),
                    .maximum = number(schema, "maximum", where),
                    .exclusive_maximum = number(schema, "exclusiveMaximum", where),
                    .multiple_of = number(schema, "multipleOf", where)};
  bound_to_types(rules, node.types);
  if (rules.minimum || rules.exclusive_minimum || rules.maximum || rules.exclusive_maximum ||
      rules.multiple_of) {
    node.number = std::make_unique<NumberRules>(rules);
  }
}

void Compiler::fill_compound(SchemaNode& node, const Json& schema, const std::string& where) {
  static constexpr const char* kKeywords[] = {"allOf", "anyOf", "oneOf", "if", "not"};
  if (std::ranges::none_of(kKeywords, [&](const char* keyword) { return schema.isMember(keyword); })) return;
  node.compound = std::make_unique<CompoundRules>();
  CompoundRules& rules = *node.compound;
  rules.all_of = node_list(schema, "allOf", where);
  rules.any_of = node_list(schema, "anyOf", where);
  rules.one_of = node_list(schema, "oneOf", where);
  std::string required;
  for (const Json& branch : find_member(schema, "anyOf")) {
    const Json& list = find_member(branch, "required");
    if (!list.isNull()) required += (required.empty() ? ": " : " or ") + to_json(list);
  }
  rules.any_of_fault = "object matches none of the required" + required;
  rules.if_node = optional_node(schema, "if", where);
  rules.then_node = optional_node(schema, "then", where);
  rules.else_node = optional_node(schema, "else", where);
  rules.not_node = optional_node(schema, "not", where);
}

void Compiler::fill_format(SchemaNode& node, const Json& schema) {
  const Json& format = find_member(schema, "format");
  if (!format.isString()) return;
  node.format_name = format.asString();
  if (node.format_name == "ipv4") {
    node.format = StringFormat::kIpv4;
  } else if (node.format_name == "ipv6") {
    node.format = StringFormat::kIpv6;
  } else {
    const auto* found = std::ranges::find(kFormatPatterns, node.format_name, &FormatPattern::name);
    if (found == std::end(kFormatPatterns)) return;  // an unknown format checks nothing (draft-07, 7.1)
    node.format = StringFormat::kOther;
    node.format_pattern = pattern(found->pattern, "");
  }
}

void Compiler::fill_contains(SchemaNode& node, const Json& schema, const std::string& where) {
  const Json& contains = find_member(schema, "contains");
  if (contains.isNull()) return;
  node.contains = std::make_unique<ContainsRule>();
  if (contains.isBool()) {
    node.contains->always = contains.asBool();
  } else {
    node.contains->node = compile(contains, where + "/contains");
  }
}

const SchemaNode* Compiler::optional_node(const Json& schema, const char* keyword, const std::string& where) {
  const Json& sub = find_member(schema, keyword);
  return sub.isNull() ? nullptr : compile(sub, where + "/" + keyword);
}

std::vector<const SchemaNode*> Compiler::node_list(const Json& schema, const char* keyword,
                                                   const std::string& where) {
  std::vector<const SchemaNode*> nodes;
  const Json& list = find_member(schema, keyword);
  if (list.isNull()) return nodes;
  const std::string at = where + "/" + keyword;
  if (!list.isArray()) bad(at, "expected an array of schemas");
  for (::Json::ArrayIndex i = 0; i < list.size(); ++i) {
    nodes.push_back(compile(list[i], at + "/" + std::to_string(i)));
  }
  return nodes;
}

SchemaPattern Compiler::pattern(const std::string& text, const std::string& where) const {
  auto regex = Regex::compile(text);
  if (!regex) bad(where, regex.error().what);
  return {text, std::move(*regex)};
}

std::optional<double> Compiler::number(const Json& schema, const char* keyword,
                                       const std::string& where) const {
  const Json& value = find_member(schema, keyword);
  if (value.isNull()) return std::nullopt;
  if (!value.isNumeric()) bad(where, std::string(keyword) + " must be a number");
  return value.asDouble();
}

std::optional<std::size_t> Compiler::count(const Json& schema, const char* keyword,
                                           const std::string& where) const {
  const auto value = number(schema, keyword, where);
  if (!value) return std::nullopt;
  if (!(*value >= 0 && *value < 1e15)) bad(where, std::string(keyword) + " must be a count");
  return static_cast<std::size_t>(*value);
}

std::vector<std::string> Compiler::names(const Json& list, const std::string& where) const {
  std::vector<std::string> out;
  if (is_empty_table(list)) return out;
  if (!list.isArray()) bad(where, "expected an array of names: " + table_expected(list));
  for (const Json& name : list) {
    if (!name.isString()) bad(where, "expected an array of names");
    out.push_back(name.asString());
  }
  return out;
}

}  // namespace

base::Result<std::unique_ptr<const CompiledSchema>> compile_schema(const Json& schema) {
  auto compiled = std::make_unique<CompiledSchema>();
  try {
    compiled->root = Compiler(schema, *compiled).compile(schema, "");
  } catch (const BadSchema& error) {
    return base::invalid(error.what);
  }
  return compiled;
}

}  // namespace apisix::format
