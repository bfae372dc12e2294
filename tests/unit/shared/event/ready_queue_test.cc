#include "shared/event/ready_queue.h"

#include <vector>

#include <gtest/gtest.h>

#include "shared/event/loop.h"

namespace apisix::event {
namespace {

struct Item {
  std::vector<int>* order;
  int number;
  ReadyQueue* again = nullptr;  // pushes itself there when it runs
  ReadyNode node{};

  static void run(void* self) {
    auto& item = *static_cast<Item*>(self);
    item.order->push_back(item.number);
    if (item.again != nullptr) item.again->push(item.node, &Item::run, self);
  }
  void push_to(ReadyQueue& queue) { queue.push(node, &Item::run, this); }
};

TEST(ReadyQueue, AppendAllKeepsBothOrders) {
  std::vector<int> order;
  Item a{&order, 1};
  Item b{&order, 2};
  Item c{&order, 3};
  Item d{&order, 4};
  ReadyQueue first;
  ReadyQueue second;
  a.push_to(first);
  b.push_to(first);
  c.push_to(second);
  d.push_to(second);
  first.append_all(second);
  EXPECT_TRUE(second.empty());
  c.node.unlink();
  first.drain();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 4}));
}

TEST(ReadyQueue, AppendAllOfAnEmptyQueueChangesNothing) {
  std::vector<int> order;
  Item a{&order, 1};
  ReadyQueue first;
  ReadyQueue second;
  first.append_all(second);
  EXPECT_TRUE(first.empty());
  a.push_to(first);
  first.append_all(second);
  first.drain();
  EXPECT_EQ(order, (std::vector<int>{1}));
}

TEST(LoopDeferred, NodeThatDefersItselfRunsOncePerTurn) {
  Loop loop;
  std::vector<int> order;
  Item again{&order, 1, &loop.deferred()};
  Item once{&order, 2};
  again.push_to(loop.deferred());
  once.push_to(loop.deferred());
  loop.run_once(1000);  // does not wait: there is work
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  loop.run_once(1000);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1}));
}

TEST(LoopDeferred, WhatATurnHasNoTimeForKeepsItsPlace) {
  Loop loop;
  std::vector<int> order;
  struct Slow {
    Item item;
    static void run(void* self) {
      Item::run(&static_cast<Slow*>(self)->item);
      const std::uint64_t end_us = base::monotonic_now_us() + 3'000;  // more than a turn spends
      while (base::monotonic_now_us() < end_us) {
      }
    }
  };
  Slow slow{{&order, 1}};
  Item second{&order, 2};
  Item third{&order, 3};
  loop.deferred().push(slow.item.node, &Slow::run, &slow);
  second.push_to(loop.deferred());
  third.push_to(loop.deferred());
  loop.run_once(1000);
  EXPECT_EQ(order, (std::vector<int>{1}));
  loop.run_once(1000);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(LoopDeferred, DestroyedNodeDoesNotRun) {
  Loop loop;
  std::vector<int> order;
  {
    Item gone{&order, 1};
    gone.push_to(loop.deferred());
  }
  loop.run_once(0);
  EXPECT_TRUE(order.empty());
}

}  // namespace
}  // namespace apisix::event
