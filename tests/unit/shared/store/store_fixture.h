// What the store's tests share: a directory of their own, and Tasks run to their end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "shared/async/task.h"
#include "shared/base/clock.h"
#include "shared/event/loop.h"
#include "shared/store/local_store_options.h"
#include "shared/store/store.h"

namespace apisix::store {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "store_test.XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    options_.path = root_ + "/data/store.mdb";
  }
  ~StoreTest() override { std::filesystem::remove_all(root_); }

  std::string root_;
  LocalStoreOptions options_;
};

// Turns the loop until `done`; false after 20 s.
template <typename Done>
bool turn_until(event::Loop& loop, Done done) {
  const std::uint64_t begin_us = base::monotonic_now_us();
  while (!done()) {
    if (base::monotonic_now_us() - begin_us > 20'000'000) return false;
    loop.run_once(50);
  }
  return true;
}

template <typename T>
T wait_for(event::Loop& loop, async::Task<T> task) {
  task.start();
  const bool ended = turn_until(loop, [&task] { return task.done(); });
  if (!ended) {
    ADD_FAILURE() << "the task did not end";
    std::abort();
  }
  return task.take_result();
}

inline Txn put(std::string key, std::string value, LeaseId lease = 0) {
  Txn txn;
  txn.writes.emplace_back(Put{std::move(key), std::move(value), lease});
  return txn;
}

inline Txn remove(std::string key) {
  Txn txn;
  txn.writes.emplace_back(Delete{std::move(key)});
  return txn;
}

inline Txn put_if(std::string key, std::string value, Revision mod_revision) {
  Txn txn = put(key, std::move(value));
  txn.compares.push_back({Compare::Target::kModRevision, std::move(key), mod_revision});
  return txn;
}

}  // namespace apisix::store
