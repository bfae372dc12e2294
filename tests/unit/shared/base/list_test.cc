#include "shared/base/list.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

class Item : private Link {
 public:
  explicit Item(char name) : name(name) {}
  const char name;

 private:
  friend class List<Item>;
};

std::string names(List<Item>& list) {
  std::string out;
  list.for_each([&out](const Item& item) { out += item.name; });
  return out;
}

TEST(List, KeepsTheOrderInWhichItemsWereAdded) {
  Item a('a'), b('b'), c('c');
  List<Item> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.back(), nullptr);
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  EXPECT_EQ(names(list), "abc");
  EXPECT_EQ(list.front(), &a);
  EXPECT_EQ(list.back(), &c);
}

TEST(List, AnItemIsRemovedFromAnyPlace) {
  Item a('a'), b('b'), c('c');
  List<Item> list;
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  List<Item>::remove(b);
  EXPECT_EQ(names(list), "ac");
  List<Item>::remove(c);
  List<Item>::remove(a);
  EXPECT_TRUE(list.empty());
  List<Item>::remove(a);
}

TEST(List, AddingAgainMovesToTheEndAlsoFromAnotherList) {
  Item a('a'), b('b');
  List<Item> list;
  List<Item> other;
  list.push_back(a);
  list.push_back(b);
  list.push_back(a);
  EXPECT_EQ(names(list), "ba");
  other.push_back(b);
  EXPECT_EQ(names(list), "a");
  EXPECT_EQ(names(other), "b");
}

TEST(List, PopsFromTheFront) {
  Item a('a'), b('b');
  List<Item> list;
  list.push_back(a);
  list.push_back(b);
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_EQ(list.pop_front(), &b);
  EXPECT_EQ(list.pop_front(), nullptr);
}

TEST(List, AnItemThatIsDestroyedLeaves) {
  Item a('a');
  auto b = std::make_unique<Item>('b');
  List<Item> list;
  list.push_back(a);
  list.push_back(*b);
  b.reset();
  EXPECT_EQ(names(list), "a");
}

TEST(List, AnItemMayBeRemovedWhileTheListIsWalked) {
  Item a('a'), b('b'), c('c');
  List<Item> list;
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  list.for_each([](Item& item) {
    if (item.name != 'b') List<Item>::remove(item);
  });
  EXPECT_EQ(names(list), "b");
}

}  // namespace
}  // namespace apisix::base
