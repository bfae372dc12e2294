// MockSchema: makes up a response from a JSON schema, as mocking does: the examples that it gives, random
// values elsewhere. Compiled once; the size of a response is bounded, however lists are nested.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/random.h"
#include "shared/format/json.h"

namespace apisix::plugins {

class MockSchema {
 public:
  explicit MockSchema(const format::Json& schema);

  std::string json(base::Random& random) const;
  // Elements named after members, below one called "data".
  std::string xml(base::Random& random) const;

 private:
  enum class Type : unsigned char { kNone, kArray, kObject, kString, kNumber, kInteger, kBoolean };
  struct Node {
    Type type = Type::kNone;
    std::string name;     // of a member
    std::string example;  // of strings, as it is; of others, as JSON
    bool has_example = false;
    std::vector<Node> inner;  // the members of an object; the one item of an array
  };

  static Node compile(const format::Json& schema);
  static void compile_members(const format::Json& properties, Node& node);
  static Type type_of(const format::Json& schema);
  static bool is_left_out(const Node& node);

  // Values left to make up in this response.
  struct Making {
    base::Random& random;
    unsigned values_left;
    std::string out;
  };
  static void write_json(const Node& node, Making& making);
  static void write_xml(const Node& node, const std::string& name, unsigned depth, Making& making);
  static std::string scalar(const Node& node, Making& making);
  static unsigned item_count(Making& making);

  Node root_;
};

}  // namespace apisix::plugins
