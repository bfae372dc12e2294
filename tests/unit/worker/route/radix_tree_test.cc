#include "worker/route/radix_tree.h"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "worker/route/key_table.h"

namespace apisix::route {
namespace {

using Model = std::map<std::string, std::uint32_t>;

std::vector<std::pair<std::uint32_t, std::size_t>> walk(const RadixTree& tree, std::string_view text) {
  std::vector<std::pair<std::uint32_t, std::size_t>> out;
  PrefixWalk prefixes(tree, text);
  std::uint32_t value = 0;
  std::size_t length = 0;
  while (prefixes.next(value, length)) out.emplace_back(value, length);
  return out;
}

std::vector<std::pair<std::uint32_t, std::size_t>> walk(const Model& model, const std::string& text) {
  std::vector<std::pair<std::uint32_t, std::size_t>> out;
  for (std::size_t length = text.size() + 1; length-- > 0;) {
    const auto it = model.find(text.substr(0, length));
    if (it != model.end()) out.emplace_back(it->second, length);
  }
  return out;
}

// A tree with a forest of its own.
class Tree {
 public:
  std::uint32_t& insert(std::string_view key) { return forest_.insert(tree_, key); }
  bool erase(std::string_view key) { return forest_.erase(tree_, key); }
  std::uint32_t find(std::string_view key) const { return tree_.find(key); }
  bool empty() const { return tree_.empty(); }
  operator const RadixTree&() const { return tree_; }
  const RadixForest& forest() const { return forest_; }

 private:
  RadixForest forest_;
  RadixTree tree_;
};

TEST(RadixTree, StoresFindsErases) {
  Tree tree;
  EXPECT_EQ(tree.find("a"), RadixTree::kNoValue);
  EXPECT_FALSE(tree.erase(""));
  tree.insert("foobar") = 1;
  tree.insert("foo") = 2;
  tree.insert("foot") = 3;
  tree.insert("") = 4;
  EXPECT_EQ(tree.find("foobar"), 1u);
  EXPECT_EQ(tree.find("foo"), 2u);
  EXPECT_EQ(tree.find("foot"), 3u);
  EXPECT_EQ(tree.find(""), 4u);
  EXPECT_EQ(tree.find("fo"), RadixTree::kNoValue);
  EXPECT_EQ(tree.find("foobarx"), RadixTree::kNoValue);
  EXPECT_FALSE(tree.erase("fo"));
  EXPECT_FALSE(tree.erase("fooz"));
  EXPECT_TRUE(tree.erase("foo"));
  EXPECT_FALSE(tree.erase("foo"));
  EXPECT_EQ(walk(tree, "foobarx"), (std::vector<std::pair<std::uint32_t, std::size_t>>{{1, 6}, {4, 0}}));
  EXPECT_TRUE(tree.erase(""));
  EXPECT_TRUE(tree.erase("foot"));
  EXPECT_TRUE(tree.erase("foobar"));
  EXPECT_TRUE(tree.empty());
}

TEST(RadixTree, TreesOfOneForestAreApart) {
  RadixForest forest;
  RadixTree a;
  RadixTree b;
  forest.insert(a, "x") = 1;
  forest.insert(b, "x") = 2;
  forest.insert(b, "xy") = 3;
  EXPECT_TRUE(forest.erase(b, "x"));
  EXPECT_EQ(a.find("x"), 1u);
  EXPECT_EQ(b.find("x"), RadixTree::kNoValue);
  EXPECT_EQ(b.find("xy"), 3u);
}

// Edits of the same sizes over and over take no more memory.
TEST(RadixTree, ChurnDoesNotGrowThePool) {
  Tree tree;
  std::size_t after_first = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 2000; ++i) tree.insert("/service-" + std::to_string(i) + "/") = 1;
    for (int i = 0; i < 2000; ++i) ASSERT_TRUE(tree.erase("/service-" + std::to_string(i) + "/"));
    if (round == 0) after_first = tree.forest().memory_bytes();
  }
  EXPECT_EQ(tree.forest().memory_bytes(), after_first);
  EXPECT_EQ(tree.forest().used_bytes(), 0u);
}

TEST(RadixTree, TheLongestKeyAndTheDeepestTree) {
  Tree tree;
  const std::string longest(RadixForest::kKeyBytesMax, 'a');
  for (std::size_t size = 0; size <= longest.size(); size += 7) {
    tree.insert(std::string_view(longest).substr(0, size)) = static_cast<std::uint32_t>(size + 1);
  }
  const auto hits = walk(tree, longest);
  EXPECT_EQ(hits.size(), longest.size() / 7 + 1);
  EXPECT_EQ(hits.back().second, 0u);
  for (std::size_t size = 0; size <= longest.size(); size += 14) {
    EXPECT_TRUE(tree.erase(std::string_view(longest).substr(0, size)));
  }
  EXPECT_EQ(walk(tree, longest).size(), longest.size() / 7 - longest.size() / 14);
}

TEST(RadixTree, EqualsAMapOverRandomEdits) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    const unsigned letters = 1 + seed % 4;
    Tree tree;
    Model model;
    const auto any = [&] {
      std::string key;
      for (auto left = random() % (seed % 2 == 0 ? 6 : 40); left > 0; --left) {
        key += static_cast<char>(random() % 17 == 0 ? random() % 256 : 'a' + random() % letters);
      }
      return key;
    };
    for (std::uint32_t step = 1; step < 2000; ++step) {
      const std::string key = any();
      if (random() % 2 == 0) {
        tree.insert(key) = step;
        model[key] = step;
      } else {
        ASSERT_EQ(tree.erase(key), model.erase(key) == 1);
      }
      const std::string text = any();
      ASSERT_EQ(walk(tree, text), walk(model, text));
      ASSERT_EQ(tree.find(text), model.contains(text) ? model[text] : RadixTree::kNoValue);
    }
    for (const auto& [key, value] : Model(model)) ASSERT_TRUE(tree.erase(key));
    EXPECT_TRUE(tree.empty());
    EXPECT_EQ(tree.forest().used_bytes(), 0u);
  }
}

TEST(KeyTable, EqualsAMapOverRandomEdits) {
  std::mt19937 random(1);
  KeyTable<std::uint32_t> table;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> model;
  for (std::uint32_t step = 1; step < 30000; ++step) {
    const std::uint32_t space = random() % 3;
    // Keys around the size from which they are held outside of the node.
    const std::string key =
        std::string(random() % 4 == 0 ? 38 + random() % 5 : 0, 'k') + std::to_string(random() % 900);
    if (random() % 5 < 3) {
      table.insert(space, key) = step;
      model[{space, key}] = step;
    } else {
      ASSERT_EQ(table.erase(space, key), model.erase({space, key}) == 1);
    }
    ASSERT_EQ(table.size(), model.size());
    const std::string other = std::to_string(random() % 900);
    const auto it = model.find({space, other});
    const std::uint32_t* found = table.find(space, other);
    ASSERT_EQ(found != nullptr, it != model.end());
    if (found != nullptr) ASSERT_EQ(*found, it->second);
  }
}

}  // namespace
}  // namespace apisix::route
