#include "worker/admin/diff.h"

#include <gtest/gtest.h>

#include "tests/fakes/parsed_json.h"

namespace apisix::admin {
namespace {

using format::Json;

Json diff(std::string_view before, std::string_view after) {
  const Json old_value = json(before), new_value = json(after);
  return diff_json(&old_value, &new_value);
}

TEST(DiffJson, NamesWhatDiffers) {
  struct Case {
    const char* before;
    const char* after;
    const char* differences;
  };
  for (const auto& [before, after, differences] : {
           Case{R"({"a": 1})", R"({"a": 1})", "[]"},
           {R"({"a": 1})", R"({"a": 2})", R"([{"op": "replace", "path": "/a", "old": 1, "new": 2}])"},
           {R"({"a": 1})", R"({"a": "1"})", R"([{"op": "replace", "path": "/a", "old": 1, "new": "1"}])"},
           {R"({})", R"({"b": null})", R"([{"op": "add", "path": "/b", "new": null}])"},
           {R"({"b": {"c": 1}})", R"({})", R"([{"op": "remove", "path": "/b", "old": {"c": 1}}])"},
           {R"({"b": {"c": 1, "d": 2}})", R"({"b": {"c": 1, "e": 2}})",
            R"([{"op": "remove", "path": "/b/d", "old": 2}, {"op": "add", "path": "/b/e", "new": 2}])"},
           {R"({"b": {"c": 1}})", R"({"b": [1]})",
            R"([{"op": "replace", "path": "/b", "old": {"c": 1}, "new": [1]}])"},
           {R"({"l": [1, {"x": 1}]})", R"({"l": [1, {"x": 2}]})",
            R"([{"op": "replace", "path": "/l/1/x", "old": 1, "new": 2}])"},
           {R"({"l": [1, 2]})", R"({"l": [2]})",
            R"([{"op": "replace", "path": "/l", "old": [1, 2], "new": [2]}])"},
           {R"({"a/b~c": 1})", R"({})", R"([{"op": "remove", "path": "/a~1b~0c", "old": 1}])"},
       }) {
    EXPECT_EQ(diff(before, after), json(differences)) << before << " -> " << after;
  }
}

TEST(DiffJson, AnObjectThatComesOrGoes) {
  const Json object = json(R"({"a": 1})");
  EXPECT_EQ(diff_json(nullptr, &object), json(R"([{"op": "add", "path": "", "new": {"a": 1}}])"));
  EXPECT_EQ(diff_json(&object, nullptr), json(R"([{"op": "remove", "path": "", "old": {"a": 1}}])"));
  EXPECT_EQ(diff_json(nullptr, nullptr), json("[]"));
}

}  // namespace
}  // namespace apisix::admin
