#include "worker/admin/patch.h"

#include <gtest/gtest.h>

#include "tests/fakes/parsed_json.h"

namespace apisix::admin {
namespace {

using format::Json;

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

TEST(PatchSubPath, DeepestAllowedAndFirstRefused) {
  const auto path_of = [](int segments) {
    std::string path = "a";
    for (int i = 1; i < segments; ++i) path += "/a";
    return path;
  };
  Json target(::Json::objectValue);
  EXPECT_TRUE(patch_sub_path(target, path_of(format::kJsonDepthMax), json("1")));
  EXPECT_TRUE(format::parse_json(format::to_json(target)));
  Json other(::Json::objectValue);
  EXPECT_TRUE(patch_sub_path(other, path_of(format::kJsonDepthMax - 1), json("[1]")));
  EXPECT_TRUE(format::parse_json(format::to_json(other)));
  for (const int segments : {format::kJsonDepthMax, 4000}) {
    const auto status = patch_sub_path(other, path_of(segments), json("[1]"));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().what, "nested deeper than 64 levels");
  }
}

}  // namespace
}  // namespace apisix::admin
