#include "tests/fakes/hostile_values.h"

#include <limits>

#include "shared/format/schema.h"

namespace apisix::hostile {
namespace {

using format::find_member;

constexpr int kDepthMax = 12;

constexpr const char* kTexts[] = {
    "0", "-1", "1", "5.0", "1e3", "0.5", "1.5", "-0.5", "255", "256", "999", "1000", "65535", "65536",
    "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "9007199254740992",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
    "18446744073709551616", "1e19", "-1e19", "1e300", "-1e300", "1e-300",
    // Other types.
    "null", "true", "false", "[]", "{}", "[[]]", "[{}]", "[\"\"]", "[null]", "[1e19]", "[0.5,-1]",
    "{\"\": \"\"}", "{\"a\": 1e19}", "{\"a\": []}", "{\"a\": {\"a\": {\"a\": {}}}}",
    // Texts.
    "\"\"", "\"a\"", "\"0\"", "\"1e19\"", "\"(\"", "\"\\u0000\"", "\"$\"", "\"$ENV://NO_SUCH_VARIABLE\"",
    "\"http://127.0.0.1:1/a\"", "\"/a/$1/${arg_a}\"", "\"/a\\r\\nb\""};

std::vector<Json> make_values() {
  std::vector<Json> out;
  for (const char* text : kTexts) out.push_back(format::parse_json(text).value());
  // Of 1e999 some versions of the parser make them.
  for (const double sign : {1.0, -1.0}) out.emplace_back(sign * std::numeric_limits<double>::infinity());
  out.emplace_back(std::string(70'000, 'a'));
  Json deep(::Json::arrayValue);
  for (int i = 0; i < 50; ++i) {
    Json outer(::Json::arrayValue);
    outer.append(deep);
    deep = outer;
  }
  out.push_back(deep);
  Json many(::Json::arrayValue);
  for (int i = 0; i < 2000; ++i) many.append(i);
  out.push_back(many);
  return out;
}

Json matching_text(const Json& schema) {
  const auto compiled = format::Schema::compile(schema);
  if (!compiled) return {};
  for (const char* text :
       {"a", "/a", "127.0.0.1", "a.example", "http://127.0.0.1:1/a", "aaaaaaaa", "GET", "0"}) {
    if (compiled->validate(Json(text))) return Json(text);
  }
  return {};
}

Json matching_number(const Json& schema) {
  const auto compiled = format::Schema::compile(schema);
  if (!compiled) return {};
  for (const int number : {1, 0, 5, 200, 404, 500, 1000, 80}) {
    if (compiled->validate(Json(number))) return Json(number);
  }
  return {};
}

Json object_of(const Json& schema) {
  Json out(::Json::objectValue);
  for (const Json& name : find_member(schema, "required")) {
    const std::string text = name.isString() ? name.asString() : std::string();
    out[text] = sample_of(find_member(find_member(schema, "properties"), text));
  }
  return out;
}

Json array_of(const Json& schema) {
  Json out(::Json::arrayValue);
  const Json& items = find_member(schema, "items");
  const Json& least = find_member(schema, "minItems");
  for (int i = 0; least.isInt() && i < least.asInt(); ++i) {
    out.append(sample_of(items.isArray() ? items[0] : items));
  }
  return out;
}

class Walk {
 public:
  using Visit = std::function<void(const Place&, const Json&)>;
  explicit Walk(const Visit& visit) : visit_(visit) {}

  void into(const Json& node) {
    if (!node.isObject() || place_.size() > kDepthMax) return;
    if (!place_.empty()) visit_(place_, node);
    for (const char* list : {"oneOf", "anyOf", "allOf"}) {
      for (const Json& branch : find_member(node, list)) branches(branch);
    }
    for (const char* one : {"then", "else"}) branches(find_member(node, one));
    members(node);
  }

 private:
  // What else is said of the same place.
  void branches(const Json& node) {
    if (!node.isObject()) return;
    for (const char* list : {"oneOf", "anyOf", "allOf"}) {
      for (const Json& branch : find_member(node, list)) branches(branch);
    }
    for (const char* one : {"then", "else"}) branches(find_member(node, one));
    members(node);
  }

  void members(const Json& node) {
    const Json& properties = find_member(node, "properties");
    if (properties.isObject()) {
      for (auto member = properties.begin(); member != properties.end(); ++member)
        step(member.name(), *member);
    }
    const Json& patterns = find_member(node, "patternProperties");
    if (patterns.isObject()) {
      for (const Json& pattern : patterns) step("127.0.0.1:80", pattern);
    }
    if (const Json& others = find_member(node, "additionalProperties"); others.isObject())
      step("other", others);
    const Json& items = find_member(node, "items");
    if (!items.isNull()) step("#0", items.isArray() ? items[0] : items);
  }

  void step(const std::string& name, const Json& node) {
    place_.push_back(name);
    into(node);
    place_.pop_back();
  }

  const Visit& visit_;
  Place place_;
};

// The first description of the member, wherever the node has it.
const Json& node_of(const Json& node, const std::string& name) {
  if (!node.isObject()) return Json::nullSingleton();
  const bool is_element = name == "#0";
  const Json& items = find_member(node, "items");
  if (is_element && !items.isNull()) return items.isArray() ? items[0] : items;
  if (const Json& found = find_member(find_member(node, "properties"), name); !is_element && !found.isNull())
    return found;
  for (const char* list : {"oneOf", "anyOf", "allOf"}) {
    for (const Json& branch : find_member(node, list)) {
      if (const Json& found = node_of(branch, name); !found.isNull()) return found;
    }
  }
  for (const char* one : {"then", "else"}) {
    if (const Json& found = node_of(find_member(node, one), name); !found.isNull()) return found;
  }
  const Json& patterns = find_member(node, "patternProperties");
  if (patterns.isObject() && !patterns.empty()) return *patterns.begin();
  return find_member(node, "additionalProperties");
}

}  // namespace

const std::vector<Json>& values() {
  static const std::vector<Json> made = make_values();
  return made;
}

Json sample_of(const Json& schema) {
  if (!schema.isObject()) return Json("a");
  for (const char* given : {"default", "const"}) {
    if (const Json& value = find_member(schema, given); !value.isNull()) return value;
  }
  if (const Json& values = find_member(schema, "enum"); values.isArray() && !values.empty()) return values[0];
  const Json& type = find_member(schema, "type");
  const std::string name = type.isString() ? type.asString() : type.isArray() ? type[0].asString() : "";
  if (name == "object") return object_of(schema);
  if (name == "array") return array_of(schema);
  if (name == "string") return matching_text(schema);
  if (name == "integer" || name == "number") return matching_number(schema);
  if (name == "boolean") return Json(true);
  for (const char* list : {"oneOf", "anyOf", "allOf"}) {
    const Json& branches = find_member(schema, list);
    if (branches.isArray() && !branches.empty()) return sample_of(branches[0]);
  }
  return find_member(schema, "properties").isObject() ? object_of(schema) : Json("a");
}

void walk(const Json& schema, const std::function<void(const Place& place, const Json& node)>& visit) {
  Walk(visit).into(schema);
}

Json with(const Json& object, const Json& schema, const Place& place, const Json& value) {
  Json out = object;
  Json* at = &out;
  const Json* node = &schema;
  for (const std::string& name : place) {
    node = &node_of(*node, name);
    if (name == "#0") {
      if (!at->isArray()) *at = Json(::Json::arrayValue);
      if (at->empty()) at->append(sample_of(*node));
      at = &(*at)[0];
    } else {
      if (!at->isObject()) *at = Json(::Json::objectValue);
      if (!at->isMember(name)) (*at)[name] = sample_of(*node);
      at = &(*at)[name];
    }
  }
  *at = value;
  return out;
}

std::vector<Json> bounds_of(const Json& node) {
  std::vector<Json> out;
  for (const char* name : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
    const Json& bound = find_member(node, name);
    if (!bound.isNumeric()) continue;
    for (const double step : {-1.0, -0.5, 0.0, 0.5, 1.0}) out.emplace_back(bound.asDouble() + step);
  }
  return out;
}

std::string text_of(const Place& place) {
  std::string out;
  for (const std::string& name : place) out += '/' + name;
  return out;
}

}  // namespace apisix::hostile
