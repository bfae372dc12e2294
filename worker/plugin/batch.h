// Batches of log entries on their way to a collector: buffered until there are enough of them or they are old
// enough, flushed by a coroutine, retried when that fails. The buffer is bounded: when a collector is away,
// new entries are dropped and counted.
//
// A Batch belongs to one configuration and outlives it while entries wait: BatchRegistry keeps them.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"
#include "shared/format/json.h"
#include "worker/plugin/body_budget.h"

namespace apisix::plugin {

struct BatchOptions {
  std::string name = "log buffer";
  std::size_t max_retry_count = 0;
  std::uint64_t retry_delay_ms = 1000;
  std::uint64_t buffer_duration_ms = 60'000;  // the oldest entry is flushed after this timeout
  std::uint64_t inactive_timeout_ms = 5000;   // without new entries: the timeout until a flush
  std::size_t batch_max_size = 1000;

  // The members that all loggers share.
  static BatchOptions from(const format::Json& conf);
};

class BatchRegistry;

class Batch {
 public:
  // Sends all entries (each one is serialised); an error is logged and, while retries are left, the send is
  // retried.
  using Send = std::function<async::Task<base::Status>(const std::vector<std::string>& entries)>;

  Batch(BatchRegistry& registry, BatchOptions options, Send send);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // False: dropped, because too much waits already.
  bool add(std::string entry);
  // Sends what is there, now.
  void flush();
  const BatchOptions& options() const { return options_; }
  // Entries that are not sent yet, being sent included.
  std::size_t pending() const { return pending_; }

 private:
  friend class BatchRegistry;
  void on_timer();
  async::Task<void> deliver(std::vector<std::string> entries);

  BatchRegistry& registry_;
  const BatchOptions options_;
  const Send send_;
  std::vector<std::string> entries_;
  std::size_t pending_ = 0;
  std::uint64_t first_entry_ms_ = 0;
  std::uint64_t last_entry_ms_ = 0;
  event::Timer timer_;
};

// All batches of a worker.
class BatchRegistry {
 public:
  explicit BatchRegistry(event::Loop& loop);
  ~BatchRegistry();

  // The batch of a configuration: the same one for the same `key`, made by the first who asks.
  // Not to be kept: an empty one may go.
  Batch& batch(const std::string& key, const BatchOptions& options, const Batch::Send& send);

  // Entries that a plugin may have waiting, by its metadata (max_pending_entries).
  void set_limit(std::size_t entries_max) { entries_max_ = entries_max; }
  // What entries count against; without one there is only a bound of their own.
  void set_budget(BodyBudget& budget) { charge_ = BodyBudget::Charge(&budget, BodyBudget::Use::kLogs); }
  std::size_t pending() const { return pending_; }
  std::size_t pending_bytes() const { return pending_bytes_; }
  std::uint64_t dropped_total() const { return dropped_total_; }
  std::uint64_t sent_total() const { return sent_total_; }
  const std::map<std::string, std::unique_ptr<Batch>>& batches() const { return batches_; }
  // Before the worker ends: everything is sent at once, retries do not wait.
  void flush_all();

 private:
  friend class Batch;
  bool take_room(std::size_t bytes);
  void give_room_back(const std::vector<std::string>& entries);
  void report_drop(const std::string& name);

  event::Loop& loop_;
  std::map<std::string, std::unique_ptr<Batch>> batches_;
  std::size_t entries_max_ = 8192;
  std::size_t pending_ = 0;
  std::size_t pending_bytes_ = 0;
  BodyBudget::Charge charge_;
  std::uint64_t dropped_total_ = 0;
  std::uint64_t sent_total_ = 0;
  std::uint64_t drops_reported_ms_ = 0;
  std::uint64_t drops_unreported_ = 0;
  bool ending_ = false;
  async::Scope scope_;
};

}  // namespace apisix::plugin
