#include "shared/format/schema_faults.h"

#include <algorithm>
#include <string_view>

#include "shared/base/nearest.h"
#include "shared/base/text.h"
#include "shared/format/json_pointer.h"
#include "shared/format/schema_check.h"
#include "shared/format/schema_rules.h"

namespace apisix::format {
namespace {

constexpr std::size_t kShownBytesMax = 64;  // of a faulty string; keys and certificates are longer
constexpr std::size_t kChoicesMax = 12;
constexpr int kDepthMax = 100;
constexpr int kStepsMax = 100'000;

std::string quoted(std::string_view name) {
  return '"' + std::string(name) + '"';
}

Json shown(const Json& value) {
  if (value.isArray() || value.isObject()) return {};
  if (!value.isString() || text_of(value).size() <= kShownBytesMax) return value;
  return Json(std::string(text_of(value).substr(0, kShownBytesMax)) + "...");
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : separator) + part;
  return out;
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string_view nearest = base::nearest_name(name, candidates);
  return nearest.empty() ? "" : "did you mean " + quoted(nearest) + "?";
}

// "80" where 80 is wanted, and the other way round.
std::string type_hint(const SchemaNode& node, const Json& value) {
  if (value.isString() && (node.types & (kInteger | kNumber)) != 0) {
    const std::string_view text = text_of(value);
    if (base::parse_double(text)) return "write " + std::string(text) + " without quotes";
  }
  if (value.isString() && (node.types & kBoolean) != 0 &&
      (text_of(value) == "true" || text_of(value) == "false")) {
    return "write " + std::string(text_of(value)) + " without quotes";
  }
  if ((value.isNumeric() || value.isBool()) && node.types == kString) return "write it in quotes";
  if (value.isNull()) return "leave it out instead of null";
  return "";
}

std::string enumeration_hint(const SchemaNode& node, const Json& value) {
  std::vector<std::string_view> names;
  std::vector<std::string> choices;
  for (const Json& choice : *node.enumeration) {
    if (choice.isString()) names.push_back(text_of(choice));
    if (choices.size() < kChoicesMax) choices.push_back(to_json(choice));
  }
  if (value.isString()) {
    if (std::string hint = did_you_mean(text_of(value), names); !hint.empty()) return hint;
  }
  return "one of " + joined(choices, ", ");
}

std::string unknown_property_hint(const ObjectRules& rules, const std::string& name, const Json& object) {
  std::vector<std::string_view> names;
  for (const PropertyRule& property : rules.properties) {
    const Json& member = find_member(object, property.name);
    const bool is_default = property.default_value && *property.default_value == member;
    if (is_default || !object.isMember(property.name)) names.push_back(property.name);
  }
  return did_you_mean(name, names);
}

// Shared by a walk and the walks into its branches, so that circles of references end.
struct Budget {
  SchemaCheck check;
  int depth = 0;
  int steps = 0;
};

// What `not` forbids, of the shapes that APISIX uses: required lists, alone or behind anyOf.
std::string forbidden_hint(const SchemaNode& node, Json& value, Budget& budget) {
  if (node.object && node.object->required_all.size() > 1) {
    std::vector<std::string> names;
    for (const std::string& name : node.object->required_all) names.push_back(quoted(name));
    return joined(names, " and ") + " exclude each other";
  }
  if (!node.compound) return "";
  for (const SchemaNode* branch : node.compound->any_of) {
    if (budget.check.run(*branch, value)) return forbidden_hint(*branch, value, budget);
  }
  return "";
}

class FaultWalk {
 public:
  FaultWalk(std::vector<Fault>& out, Budget& budget) : out_(out), budget_(budget) {}

  void walk(const SchemaNode& node, Json& value, const std::string& at);

 private:
  void add(const std::string& at, const char* rule, std::string message, const Json& value,
           std::string hint = "");
  void add(const std::string& at, BrokenRule broken, const Json& value) {
    if (broken) add(at, broken.rule, std::move(broken.message), value);
  }
  void walk_object(const ObjectRules& rules, Json& value, const std::string& at);
  void walk_property(const PropertyRule& property, Json& object, const std::string& at);
  void walk_dependency(const DependencyRule& dependency, Json& object, const std::string& at);
  void walk_members(const ObjectRules& rules, Json& object, const std::string& at);
  void walk_array(const ArrayRules& rules, Json& array, const std::string& at);
  void walk_compound(const CompoundRules& rules, Json& value, const std::string& at);
  void walk_branches(const std::vector<const SchemaNode*>& branches, const char* rule,
                     const std::string& message, Json& value, const std::string& at);
  void walk_one_of(const CompoundRules& rules, Json& value, const std::string& at);

  bool matches(const SchemaNode& node, Json& value) { return budget_.check.run(node, value); }

  std::vector<Fault>& out_;
  Budget& budget_;
};

void FaultWalk::add(const std::string& at, const char* rule, std::string message, const Json& value,
                    std::string hint) {
  if (out_.size() >= kFaultsMax) return;
  for (const Fault& known : out_) {  // allOf and references lead to the same rule twice
    if (known.pointer == at && known.rule == rule && known.message == message) return;
  }
  out_.push_back({at, rule, std::move(message), shown(value), std::move(hint)});
}

void FaultWalk::walk(const SchemaNode& node, Json& value, const std::string& at) {
  if (node.always) {
    if (!*node.always) add(at, "false", "expect false always", value);
    return;
  }
  if (budget_.depth >= kDepthMax || ++budget_.steps > kStepsMax) return;
  if (node.passes_secret_refs && value.isString() && is_secret_ref(text_of(value))) return;
  if (BrokenRule broken = check_type(node, value)) {
    return add(at, broken.rule, std::move(broken.message), value, type_hint(node, value));
  }
  ++budget_.depth;
  const bool was_array = counts_as_array(value);
  const bool was_empty = is_empty_table(value);
  if (node.object && counts_as_object(value)) walk_object(*node.object, value, at);
  if (node.object && node.object->must_be_empty && !was_empty) {
    add(at, "required", "the input data should be an empty table", value);
  }
  if (node.array && node.array->items == ArrayRules::Items::kNever && !was_empty) {
    add(at, "items", "expect false always", value);
  } else if (node.array && was_array) {
    walk_array(*node.array, value, at);
  }
  if (node.string) add(at, check_string(*node.string, value), value);
  if (node.number) add(at, check_number(*node.number, value), value);
  if (BrokenRule broken = check_enumeration(node, value)) {
    add(at, broken.rule, std::move(broken.message), value, enumeration_hint(node, value));
  }
  if (node.compound) walk_compound(*node.compound, value, at);
  add(at, check_format(node, value), value);
  add(at, check_constant(node, value), value);
  --budget_.depth;
}

void FaultWalk::walk_object(const ObjectRules& rules, Json& value, const std::string& at) {
  for (const PropertyRule& property : rules.properties) walk_property(property, value, at);
  for (const std::string& name : rules.required) {
    if (find_mutable(value, name) == nullptr) {
      add(at, "required", "property " + quoted(name) + " is required", value, "add " + quoted(name));
    }
  }
  for (const DependencyRule& dependency : rules.dependencies) {
    if (find_mutable(value, dependency.property) != nullptr) walk_dependency(dependency, value, at);
  }
  if (value.isObject()) walk_members(rules, value, at);
  add(at, check_property_count(rules, value), value);
}

void FaultWalk::walk_property(const PropertyRule& property, Json& object, const std::string& at) {
  if (Json* member = find_mutable(object, property.name)) {
    walk(*property.node, *member, at + pointer_step(property.name));
    if (property.dependency) walk_dependency(*property.dependency, object, at);
  } else if (property.is_required) {
    add(at, "required", "property " + quoted(property.name) + " is required", object,
        "add " + quoted(property.name));
  } else if (property.default_value) {
    set_default(object, property);
  }
}

void FaultWalk::walk_dependency(const DependencyRule& dependency, Json& object, const std::string& at) {
  for (const std::string& name : dependency.required) {
    if (find_mutable(object, name) != nullptr) continue;
    add(at, "dependencies",
        "property " + quoted(name) + " is required when " + quoted(dependency.property) + " is set", object,
        "add " + quoted(name));
  }
  if (dependency.node != nullptr) walk(*dependency.node, object, at);
}

void FaultWalk::walk_members(const ObjectRules& rules, Json& object, const std::string& at) {
  for (auto member = object.begin(); member != object.end(); ++member) {
    const std::string name = member.name();
    bool is_known = is_declared(rules, name);
    for (const PatternRule& property : rules.patterns) {
      if (!property.pattern.regex.matches(name)) continue;
      is_known = true;
      walk(*property.node, *member, at + pointer_step(name));
    }
    if (is_known) continue;
    if (!rules.allows_additional) {
      add(at + pointer_step(name), "additionalProperties", "additional properties forbidden, found " + name,
          *member, unknown_property_hint(rules, name, object));
    } else if (rules.additional != nullptr) {
      walk(*rules.additional, *member, at + pointer_step(name));
    }
  }
}

void FaultWalk::walk_array(const ArrayRules& rules, Json& array, const std::string& at) {
  add(at, check_item_count(rules, array), array);
  const bool is_tuple = rules.items == ArrayRules::Items::kTuple;
  if (array.isArray() && (is_tuple || rules.items == ArrayRules::Items::kEach)) {
    for (::Json::ArrayIndex i = 0; i < array.size(); ++i) {
      const bool is_additional = is_tuple && i >= rules.nodes.size();
      const SchemaNode* node = is_additional ? rules.additional : rules.nodes[is_tuple ? i : 0];
      const std::string item = at + "/" + std::to_string(i);
      if (is_additional && !rules.allows_additional) {
        add(item, "additionalItems", "found unexpected extra items in array", array[i]);
      } else if (node != nullptr) {
        walk(*node, array[i], item);
      }
    }
  }
  add(at, check_unique(rules, array), array);
}

void FaultWalk::walk_compound(const CompoundRules& rules, Json& value, const std::string& at) {
  for (const SchemaNode* node : rules.all_of) walk(*node, value, at);
  const auto fits = [&](const SchemaNode* node) { return matches(*node, value); };
  if (!rules.any_of.empty() && std::ranges::none_of(rules.any_of, fits)) {
    walk_branches(rules.any_of, "anyOf", rules.any_of_fault, value, at);
  }
  if (!rules.one_of.empty()) walk_one_of(rules, value, at);
  if (rules.if_node != nullptr) {
    const SchemaNode* clause = matches(*rules.if_node, value) ? rules.then_node : rules.else_node;
    if (clause != nullptr) walk(*clause, value, at);
  }
  if (rules.not_node != nullptr && matches(*rules.not_node, value)) {
    add(at, "not", "value wasn't supposed to match schema", value,
        forbidden_hint(*rules.not_node, value, budget_));
  }
}

void FaultWalk::walk_one_of(const CompoundRules& rules, Json& value, const std::string& at) {
  std::vector<const SchemaNode*> matched;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < rules.one_of.size(); ++i) {
    if (!matches(*rules.one_of[i], value)) continue;
    matched.push_back(rules.one_of[i]);
    numbers.push_back(i + 1);
  }
  if (matched.size() == 1) return;
  if (matched.empty()) {
    return walk_branches(rules.one_of, "oneOf", "value should match only one schema, but matches none", value,
                         at);
  }
  std::vector<std::string> names;
  for (const SchemaNode* node : matched) {
    if (!node->object) continue;
    for (const std::string& name : node->object->required_all) add_once(names, quoted(name));
  }
  add(at, "oneOf",
      "value should match only one schema, but matches both schemas " + std::to_string(numbers[0]) + " and " +
          std::to_string(numbers[1]),
      value, names.empty() ? "" : "keep only one of " + joined(names, ", "));
}

// No branch matches: reports the faults of the one that is nearest, and all names when several would do.
void FaultWalk::walk_branches(const std::vector<const SchemaNode*>& branches, const char* rule,
                              const std::string& message, Json& value, const std::string& at) {
  std::vector<Fault> nearest;
  std::vector<std::string> missing;  // names that would each make a branch match
  std::size_t nearest_distance = 0;
  for (const SchemaNode* branch : branches) {
    std::vector<Fault> faults;
    FaultWalk(faults, budget_).walk(*branch, value, at);
    const bool is_wrong_type = !faults.empty() && faults[0].pointer == at && faults[0].rule == "type";
    const std::size_t distance = faults.size() + (is_wrong_type ? 2 * kFaultsMax : 0);
    if (faults.size() == 1 && faults[0].pointer == at && faults[0].rule == "required") {
      add_once(missing, faults[0].hint.substr(4));
    }
    if (nearest_distance != 0 && distance >= nearest_distance) continue;
    nearest_distance = distance;
    nearest = std::move(faults);
  }
  if (!missing.empty()) {
    return add(at, rule, message, value,
               (missing.size() > 1 ? "add one of " : "add ") + joined(missing, ", "));
  }
  const bool says_more = nearest_distance < 2 * kFaultsMax;  // than that the type is wrong
  add(at, rule, message, value, says_more && !nearest.empty() ? "nearest: " + nearest[0].message : "");
  if (!says_more) return;
  for (Fault& fault : nearest) {
    if (out_.size() < kFaultsMax) out_.push_back(std::move(fault));
  }
}

}  // namespace

std::vector<Fault> find_schema_faults(const SchemaNode& root, const Json& value) {
  std::vector<Fault> faults;
  SchemaCheck check;
  Json copy = value;
  if (check.run(root, copy)) return faults;
  copy = value;
  Budget budget;
  FaultWalk(faults, budget).walk(root, copy, "");
  // Rules that the walk does not go into.
  if (faults.empty()) faults.push_back({"", "schema", check.fault(), shown(value), ""});
  return faults;
}

}  // namespace apisix::format
