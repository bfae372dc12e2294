#include "shared/format/schema_check.h"

#include <algorithm>

#include "shared/format/schema.h"

namespace apisix::format {
namespace {

// A schema may fan out at each level.
constexpr int kStepsMax = 1'000'000;

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += word;
  return text;
}

// An empty array is also an empty object, and the other way round; who reads the value later finds what the
// schema says.
void make_of_type(std::uint8_t types, Json& empty_table) {
  if (types == kObject && !empty_table.isObject()) empty_table = Json(::Json::objectValue);
  if (types == kArray && !empty_table.isArray()) empty_table = Json(::Json::arrayValue);
}

}  // namespace

Json* find_mutable(Json& object, const std::string& name) {
  if (!object.isObject()) return nullptr;
  return const_cast<Json*>(object.find(name.data(), name.data() + name.size()));
}

void set_default(Json& object, const PropertyRule& property) {
  if (object.isArray()) object = Json(::Json::objectValue);
  object[property.name] = *property.default_value;
}

bool is_declared(const ObjectRules& rules, const std::string& name) {
  return std::ranges::binary_search(rules.properties, name, {}, &PropertyRule::name);
}

bool SchemaCheck::fail(Words words) {
  if (untold_ == 0) fault_ = joined(words);
  return false;
}

bool SchemaCheck::fail_within(Words words) {
  if (untold_ == 0) fault_.insert(0, joined(words));
  return false;
}

bool SchemaCheck::run_branch(const SchemaNode& node, Json& value) {
  ++untold_;
  const bool matches = run(node, value);
  --untold_;
  return matches;
}

bool SchemaCheck::run(const SchemaNode& node, Json& value) {
  if (node.always) return *node.always || fail({"expect false always"});
  if (node.passes_secret_refs && value.isString() && is_secret_ref(text_of(value))) return true;
  if (depth_ >= kSchemaDepthMax || ++steps_ > kStepsMax)
    return fail({"the schema is too deep or too expensive"});
  ++depth_;
  const bool matches = run_rules(node, value);
  --depth_;
  return matches;
}

// In the order of APISIX's validator: it decides which fault is the first.
bool SchemaCheck::run_rules(const SchemaNode& node, Json& value) {
  const bool was_array = counts_as_array(value);
  const bool was_empty = is_empty_table(value);
  if (!pass(check_type(node, value))) return false;
  if (was_empty) make_of_type(node.types, value);
  if (node.object && counts_as_object(value) && !run_object(*node.object, value)) return false;
  if (node.object && node.object->must_be_empty && !was_empty) {
    return fail({"the input data should be an empty table"});
  }
  if (node.array) {
    if (node.array->items == ArrayRules::Items::kAlways) return true;
    if (node.array->items == ArrayRules::Items::kNever) return was_empty || fail({"expect false always"});
    if (was_array && !run_array(*node.array, value)) return false;
  }
  if (node.string && !pass(check_string(*node.string, value))) return false;
  if (node.number && !pass(check_number(*node.number, value))) return false;
  if (!pass(check_enumeration(node, value))) return false;
  if (node.compound && !run_compound(*node.compound, value)) return false;
  if (node.property_names) return *node.property_names || was_empty || fail({"expect false always"});
  if (!pass(check_format(node, value)) || !pass(check_constant(node, value))) return false;
  return !node.contains || run_contains(*node.contains, value);
}

bool SchemaCheck::run_object(const ObjectRules& rules, Json& value) {
  for (const PropertyRule& property : rules.properties) {
    if (!run_property(property, value)) return false;
  }
  for (const std::string& name : rules.required) {
    if (find_mutable(value, name) == nullptr) return fail({"property \"", name, "\" is required"});
  }
  for (const DependencyRule& dependency : rules.dependencies) {
    if (find_mutable(value, dependency.property) != nullptr && !run_dependency(dependency, value))
      return false;
  }
  const bool looks_at_members = !rules.patterns.empty() || !rules.allows_additional || rules.additional;
  if (looks_at_members && !run_members(rules, value)) return false;
  return pass(check_property_count(rules, value));
}

bool SchemaCheck::run_property(const PropertyRule& property, Json& object) {
  Json* member = find_mutable(object, property.name);
  if (member == nullptr) {
    if (property.is_required) return fail({"property \"", property.name, "\" is required"});
    if (property.default_value) set_default(object, property);
    return true;
  }
  if (!run(*property.node, *member)) {
    return fail_within({"property \"", property.name, "\" validation failed: "});
  }
  return !property.dependency || run_dependency(*property.dependency, object);
}

bool SchemaCheck::run_dependency(const DependencyRule& dependency, Json& object) {
  for (const std::string& name : dependency.required) {
    if (find_mutable(object, name) != nullptr) continue;
    return fail({"property \"", name, "\" is required when \"", dependency.property, "\" is set"});
  }
  if (dependency.node == nullptr || run(*dependency.node, object)) return true;
  return fail_within({"failed to validate dependent schema for \"", dependency.property, "\": "});
}

bool SchemaCheck::run_members(const ObjectRules& rules, Json& object) {
  if (!object.isObject()) return true;
  for (auto member = object.begin(); member != object.end(); ++member) {
    if (!run_member(rules, member.name(), *member)) return false;
  }
  return true;
}

bool SchemaCheck::run_member(const ObjectRules& rules, const std::string& name, Json& member) {
  bool is_known = is_declared(rules, name);
  for (const PatternRule& property : rules.patterns) {
    if (!property.pattern.regex.matches(name)) continue;
    is_known = true;
    if (run(*property.node, member)) continue;
    return fail_within({"failed to validate ", name, " (matching \"", property.pattern.text, "\"): "});
  }
  if (is_known) return true;
  if (!rules.allows_additional) return fail({"additional properties forbidden, found ", name});
  if (rules.additional == nullptr || run(*rules.additional, member)) return true;
  return fail_within({"failed to validate additional property ", name, ": "});
}

bool SchemaCheck::run_array(const ArrayRules& rules, Json& array) {
  return pass(check_item_count(rules, array)) && run_items(rules, array) && pass(check_unique(rules, array));
}

bool SchemaCheck::run_items(const ArrayRules& rules, Json& array) {
  if (!array.isArray() || rules.items == ArrayRules::Items::kAny) return true;
  const bool is_tuple = rules.items == ArrayRules::Items::kTuple;
  for (::Json::ArrayIndex i = 0; i < array.size(); ++i) {
    const bool is_additional = is_tuple && i >= rules.nodes.size();
    if (is_additional && !rules.allows_additional) return fail({"found unexpected extra items in array"});
    const SchemaNode* node = is_additional ? rules.additional : rules.nodes[is_tuple ? i : 0];
    if (node == nullptr || run(*node, array[i])) continue;
    return fail_within({(is_additional ? "failed to validate additional item " : "failed to validate item "),
                        std::to_string(i + 1), ": "});
  }
  return true;
}

bool SchemaCheck::run_compound(const CompoundRules& rules, Json& value) {
  for (std::size_t i = 0; i < rules.all_of.size(); ++i) {
    if (!run(*rules.all_of[i], value)) return fail_within({"allOf ", std::to_string(i + 1), " failed: "});
  }
  const auto matches = [&](const SchemaNode* node) { return run_branch(*node, value); };
  if (!rules.any_of.empty() && std::ranges::none_of(rules.any_of, matches)) return fail({rules.any_of_fault});
  if (!rules.one_of.empty() && !run_one_of(rules, value)) return false;
  if (rules.if_node != nullptr) {
    const bool holds = run_branch(*rules.if_node, value);
    const SchemaNode* clause = holds ? rules.then_node : rules.else_node;
    if (clause != nullptr && !run_branch(*clause, value)) {
      return fail({holds ? "then clause did not match" : "else clause did not match"});
    }
  }
  return rules.not_node == nullptr || !run_branch(*rules.not_node, value) ||
         fail({"value wasn't supposed to match schema"});
}

bool SchemaCheck::run_one_of(const CompoundRules& rules, Json& value) {
  std::size_t matched = 0;  // counted from 1
  for (std::size_t i = 1; i <= rules.one_of.size(); ++i) {
    if (!run_branch(*rules.one_of[i - 1], value)) continue;
    if (matched != 0) {
      return fail({"value should match only one schema, but matches both schemas ", std::to_string(matched),
                   " and ", std::to_string(i)});
    }
    matched = i;
  }
  return matched != 0 || fail({"value should match only one schema, but matches none"});
}

bool SchemaCheck::run_contains(const ContainsRule& rule, Json& value) {
  if (rule.always) {
    const bool matches =
        *rule.always ? value.isArray() && !value.empty() : !value.isArray() && !value.isObject();
    return matches ||
           fail({*rule.always ? "check contains: expect array table" : "check contains: expect table"});
  }
  if (is_empty_table(value)) return fail({"check contains: empty array is invalid"});
  if (!value.isArray()) return true;
  for (Json& item : value) {
    if (run_branch(*rule.node, item)) return true;
  }
  return fail({"failed to check contains"});
}

}  // namespace apisix::format
