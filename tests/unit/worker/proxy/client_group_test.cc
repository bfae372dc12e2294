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

TEST_F(AgeListTest, OneItemIsOldestAndNewest) {
  list.add_newest(a);
  EXPECT_EQ(list.oldest(), &a);
  list.remove(a);
  list.add_newest(b);
  EXPECT_EQ(names(list), "b");
}

TEST_F(AgeListTest, TheNewestLeavesAndAnotherTakesItsPlace) {
  add_all();
  list.remove(c);
  Item d('d');
  list.add_newest(d);
  EXPECT_EQ(names(list), "abd");
}

TEST_F(AgeListTest, MovingOldestToNewestGoesRound) {
  add_all();
  std::string turns;
  for (int i = 0; i < 6; ++i) {
    Item& oldest = *list.oldest();
    turns += oldest.name;
    list.remove(oldest);
    list.add_newest(oldest);
  }
  EXPECT_EQ(turns, "abcabc");
  EXPECT_EQ(list.size(), 3u);
}

TEST_F(AgeListTest, ItemsThatAreMovedToAnotherListAreVisitedOnce) {
  add_all();
  AgeList<Item> other;
  std::string visited;
  list.for_each([&](Item& item) {
    visited += item.name;
    list.remove(item);
    other.add_newest(item);
  });
  EXPECT_EQ(visited, "abc");
  EXPECT_EQ(names(other), "abc");
}

TEST(ClientGroup, IsEmptyAndTakesNoneAtFirst) {
  const ClientGroup group;
  EXPECT_EQ(group.size(), 0u);
  EXPECT_EQ(group.connections_max, 0u);
}

TEST(ClientKind, HasTheNameThatLogsUse) {
  EXPECT_EQ(name_of(ClientKind::kProxy), "worker_connections");
  EXPECT_EQ(name_of(ClientKind::kAdmin), "connections to the Admin API");
  EXPECT_EQ(name_of(ClientKind::kControl), "connections to the Control API");
}

}  // namespace
}  // namespace apisix::proxy
