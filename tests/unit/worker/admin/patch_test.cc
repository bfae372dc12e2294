#include "worker/admin/patch.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

using format::Json;

Json json(std::string_view text) {
  return format::parse_json(text).value();
}

TEST(MergePatch, MergesObjectsReplacesTheRestAndRemovesNulls) {
  Json target = json(R"({"a": {"b": 1, "c": [1, 2]}, "d": "x", "e": 5})");
  merge_patch(target,
              json(R"({"a": {"b": 2, "c": [3]}, "d": {"now": "an object"}, "e": null, "f": {"g": 1}})"));
  EXPECT_EQ(target, json(R"({"a": {"b": 2, "c": [3]}, "d": {"now": "an object"}, "f": {"g": 1}})"));
}

TEST(PatchSubPath, ReplacesOneValue) {
  struct Case {
    const char* path;
    const char* value;
    const char* result;
  };
  for (const auto& [path, value, result] : {
           Case{"a/b", "2", R"({"a": {"b": 2}, "list": ["x", {"y": 1}]})"},
           {"new/deep/er", "true",
            R"({"a": {"b": 1}, "list": ["x", {"y": 1}], "new": {"deep": {"er": true}}})"},
           {"a", "null", R"({"list": ["x", {"y": 1}]})"},
           {"list/1", "\"z\"", R"({"a": {"b": 1}, "list": ["z", {"y": 1}]})"},
           {"list/2/y", "3", R"({"a": {"b": 1}, "list": ["x", {"y": 3}]})"},
           {"list/3", "4", R"({"a": {"b": 1}, "list": ["x", {"y": 1}, 4]})"},
           {"a/", R"({"whole": 1})", R"({"whole": 1})"},
       }) {
    Json target = json(R"({"a": {"b": 1}, "list": ["x", {"y": 1}]})");
    EXPECT_TRUE(patch_sub_path(target, path, json(value))) << path;
    EXPECT_EQ(target, json(result)) << path;
  }
}

TEST(PatchSubPath, RefusesToGoThroughAValue) {
  for (const char* path : {"a/b/c", "list/0", "list/9", "list/x/y", "list/1/z"}) {
    Json target = json(R"({"a": {"b": 1}, "list": ["x"]})");
    const auto status = patch_sub_path(target, path, json("1"));
    ASSERT_FALSE(status) << path;
    EXPECT_TRUE(status.error().what.starts_with("invalid sub-path: /")) << status.error().what;
  }
}

}  // namespace
}  // namespace apisix::admin
