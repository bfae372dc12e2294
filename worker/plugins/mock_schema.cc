#include "worker/plugins/mock_schema.h"

#include <cmath>

#include <fmt/format.h>

#include "shared/base/markup.h"
#include "shared/base/text.h"
#include "shared/format/read.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

// Lists have one to three items; nested ones multiply. Past this many values each has one item only.
constexpr unsigned kValuesMax = 10'000;

}  // namespace

MockSchema::MockSchema(const Json& schema) {
  root_.type = Type::kObject;
  compile_members(find_member(schema, "properties"), root_);
}

MockSchema::Type MockSchema::type_of(const Json& schema) {
  const std::string name = base::to_lower(format::string_of(find_member(schema, "type")));
  if (name == "array") return Type::kArray;
  if (name == "object") return Type::kObject;
  if (name == "string") return Type::kString;
  if (name == "number") return Type::kNumber;
  if (name == "integer") return Type::kInteger;
  return name == "boolean" ? Type::kBoolean : Type::kNone;
}

MockSchema::Node MockSchema::compile(const Json& schema) {
  Node node;
  if (!schema.isObject() || !find_member(schema, "type").isString()) return node;
  node.type = type_of(schema);
  if (node.type == Type::kObject) compile_members(find_member(schema, "properties"), node);
  if (const Json& items = find_member(schema, "items"); node.type == Type::kArray && items.isObject())
    node.inner.push_back(compile(items));
  const Json& example = find_member(schema, "example");
  if (node.type == Type::kString && example.isString()) {
    node.example = format::string_of(example);
  } else if (node.type == Type::kNumber && example.isNumeric() && !example.isBool()) {
    node.example = format::to_json(example);
  } else if (node.type == Type::kInteger && example.isNumeric() && !example.isBool()) {
    node.example = format::to_json(Json(std::floor(format::number_of(example))));
  } else if (node.type == Type::kBoolean && example.isBool()) {
    node.example = format::is_true(example) ? "true" : "false";
  } else {
    return node;
  }
  node.has_example = true;
  return node;
}

void MockSchema::compile_members(const Json& properties, Node& node) {
  if (!properties.isObject()) return;
  for (auto member = properties.begin(); member != properties.end(); ++member) {
    node.inner.push_back(compile(*member));
    node.inner.back().name = member.name();
  }
}

// Nothing can be made of an unknown type, nor of a list without items: the member is not there.
bool MockSchema::is_left_out(const Node& node) {
  return node.type == Type::kNone || (node.type == Type::kArray && node.inner.empty());
}

unsigned MockSchema::item_count(Making& making) {
  if (making.values_left == 0) return 1;
  return static_cast<unsigned>(1 + making.random.below(3));
}

std::string MockSchema::scalar(const Node& node, Making& making) {
  if (node.has_example) return node.example;
  base::Random& random = making.random;
  std::string text;
  switch (node.type) {
    case Type::kString:
      text.resize(1 + random.below(10));
      for (char& c : text) c = static_cast<char>('a' + random.below(26));
      return text;
    case Type::kNumber:
      return fmt::format("{:.14g}", static_cast<double>(random.below(1ULL << 53)) / (1ULL << 53) * 10'000);
    case Type::kInteger:
      return std::to_string(1 + random.below(10'000));
    default:
      return random.below(2) == 0 ? "false" : "true";
  }
}

std::string MockSchema::json(base::Random& random) const {
  Making making{random, kValuesMax, {}};
  write_json(root_, making);
  return std::move(making.out);
}

void MockSchema::write_json(const Node& node, Making& making) {
  std::string& out = making.out;
  if (making.values_left > 0) --making.values_left;
  if (node.type == Type::kObject) {
    out += '{';
    for (const Node& member : node.inner) {
      if (is_left_out(member)) continue;
      if (out.back() != '{') out += ',';
      out += format::to_json(Json(member.name));
      out += ':';
      write_json(member, making);
    }
    out += '}';
  } else if (node.type == Type::kArray) {
    out += '[';
    const bool empty = is_left_out(node.inner[0]);
    for (unsigned left = empty ? 0 : item_count(making); left > 0; --left) {
      if (out.back() != '[') out += ',';
      write_json(node.inner[0], making);
    }
    out += ']';
  } else if (node.type == Type::kString) {
    out += format::to_json(Json(scalar(node, making)));
  } else {
    out += scalar(node, making);
  }
}

std::string MockSchema::xml(base::Random& random) const {
  Making making{random, kValuesMax, {}};
  write_xml(root_, "data", 0, making);
  making.out.pop_back();  // no line feed behind the last element
  return std::move(making.out);
}

void MockSchema::write_xml(const Node& node, const std::string& name, unsigned depth, Making& making) {
  if (is_left_out(node)) return;
  if (making.values_left > 0) --making.values_left;
  std::string& out = making.out;
  if (node.type == Type::kArray) {
    for (unsigned left = item_count(making); left > 0; --left) write_xml(node.inner[0], name, depth, making);
    return;
  }
  out.append(std::size_t{2} * depth, ' ');
  out += '<' + name + '>';
  if (node.type == Type::kObject) {
    out += '\n';
    for (const Node& member : node.inner) write_xml(member, member.name, depth + 1, making);
    out.append(std::size_t{2} * depth, ' ');
  } else {
    base::append_escaped_markup(out, scalar(node, making));
  }
  out += "</" + name + ">\n";
}

}  // namespace apisix::plugins
