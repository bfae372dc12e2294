#include "worker/route/text_list.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::route {
namespace {

using testing::ElementsAre;

TEST(TextList, HoldsItsTextsInOrder) {
  TextList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.size(), 0u);
  EXPECT_EQ(list.begin(), list.end());
  list.push_back("one");
  list.push_back("");
  list.push_back(std::string(1000, 'x'));
  EXPECT_THAT(list, ElementsAre("one", "", std::string(1000, 'x')));
  EXPECT_EQ(list[0], "one");
  EXPECT_EQ(list[2].size(), 1000u);
  EXPECT_TRUE(list.contains(""));
  EXPECT_FALSE(list.contains("two"));
  EXPECT_EQ(list.memory_bytes(), 4u * 4 + 1003);
  list.clear();
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.memory_bytes(), 0u);
}

TEST(TextList, IsMadeOfListsAndCopied) {
  TextList a = {"x", "y"};
  TextList b = a;
  a.push_back("z");
  EXPECT_THAT(b, ElementsAre("x", "y"));
  b = a;
  EXPECT_THAT(b, ElementsAre("x", "y", "z"));
  TextList moved = std::move(b);
  EXPECT_TRUE(b.empty());
  EXPECT_THAT(moved, ElementsAre("x", "y", "z"));
  moved = {"only"};
  EXPECT_THAT(moved, ElementsAre("only"));
  moved = std::vector<std::string>{"p", "q"};
  EXPECT_THAT(moved, ElementsAre("p", "q"));
  TextList& same = moved;
  moved = same;
  EXPECT_THAT(moved, ElementsAre("p", "q"));
  moved = TextList();
  EXPECT_TRUE(moved.empty());
}

}  // namespace
}  // namespace apisix::route
