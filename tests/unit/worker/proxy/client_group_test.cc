#include "worker/proxy/client_group.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::proxy {
namespace {

struct Item : AgeLink<Item> {
  explicit Item(char name) : name(name) {}
  char name;
};

std::string names(AgeList<Item>& list) {
  std::string out;
  list.for_each([&out](Item& item) { out += item.name; });
  return out;
}

struct AgeListTest : testing::Test {
  Item a{'a'};
  Item b{'b'};
  Item c{'c'};
  AgeList<Item> list;

  void add_all() {
    for (Item* item : {&a, &b, &c}) list.add_newest(*item);
  }
};

TEST_F(AgeListTest, IsEmptyAtFirst) {
  EXPECT_EQ(list.oldest(), nullptr);
  EXPECT_EQ(list.size(), 0u);
  EXPECT_EQ(names(list), "");
}

TEST_F(AgeListTest, KeepsTheOrderInWhichItemsCame) {
  add_all();
  EXPECT_EQ(list.oldest(), &a);
  EXPECT_EQ(list.size(), 3u);
  EXPECT_EQ(names(list), "abc");
}

TEST_F(AgeListTest, AnItemLeavesFromEveryPlace) {
  add_all();
  list.remove(b);
  EXPECT_EQ(names(list), "ac");
  list.remove(a);
  EXPECT_EQ(list.oldest(), &c);
  list.remove(c);
  EXPECT_EQ(list.oldest(), nullptr);
  EXPECT_EQ(list.size(), 0u);
}

TEST_F(AgeListTest, AnItemThatComesBackIsTheNewest) {
  add_all();
  list.remove(a);
  list.add_newest(a);
  EXPECT_EQ(list.oldest(), &b);
  EXPECT_EQ(names(list), "bca");
}

TEST_F(AgeListTest, AnItemMovesToAnotherList) {
  add_all();
  AgeList<Item> other;
  list.remove(b);
  other.add_newest(b);
  EXPECT_EQ(names(list), "ac");
  EXPECT_EQ(names(other), "b");
}

TEST_F(AgeListTest, ItemsMayLeaveWhileTheyAreVisited) {
  add_all();
  list.for_each([this](Item& item) { list.remove(item); });
  EXPECT_EQ(list.size(), 0u);
}

}  // namespace
}  // namespace apisix::proxy
