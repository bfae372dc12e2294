#include "shared/settings/merge.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::settings {
namespace {

// "{a: {a: ... 1}}" with so many maps.
std::string nested_maps(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += "{a: ";
  return text + "1" + std::string(static_cast<std::size_t>(depth), '}');
}

TEST(Merge, MapsMergeListsAndScalarsReplaceNullDeletes) {
  Json target = format::parse_yaml("{m: {a: 1, b: 2}, l: [1, 2], s: 1, n: 1}", "f")->value;
  merge_over(target, format::parse_yaml("{m: {b: 3, c: 4}, l: [3], s: {x: 1}, n: null}", "f")->value);
  EXPECT_EQ(target, format::parse_yaml("{m: {a: 1, b: 3, c: 4}, l: [3], s: {x: 1}}", "f")->value);
}

// It goes as deep as the user's file, which the parser bounds.
TEST(Merge, TheDeepestFileThereCanBeIsMerged) {
  const auto deepest = format::parse_yaml(nested_maps(format::kYamlDepthMax), "f");
  ASSERT_TRUE(deepest) << deepest.error().what;
  Json target(::Json::objectValue);
  merge_over(target, deepest->value);
  EXPECT_EQ(target, deepest->value);
  merge_over(target, deepest->value);
  EXPECT_EQ(target, deepest->value);
  EXPECT_FALSE(format::parse_yaml(nested_maps(format::kYamlDepthMax + 1), "f"));
}

}  // namespace
}  // namespace apisix::settings
