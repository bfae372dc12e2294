#include "shared/store/store_writer.h"

#include <chrono>

#include <signal.h>
#include <unistd.h>

namespace apisix::store {
namespace {

// One commit's share of requests: enough to make the wait for the disk cheap, short enough to reply soon.
constexpr std::size_t kGroupRequestsMax = 256;
constexpr std::size_t kGroupBytesMax = std::size_t{16} << 20;
// Past these the disk does not keep up, and who asks must hear of it.
constexpr std::size_t kQueueRequestsMax = 8192;
constexpr std::size_t kQueueBytesMax = std::size_t{256} << 20;
constexpr std::chrono::seconds kReadersCheckPeriod{10};

std::size_t count_bytes(const WriteRequest& request) {
  const Txn* txn = std::get_if<Txn>(&request);
  if (txn == nullptr) return 0;
  std::size_t bytes = 0;
  for (const Write& write : txn->writes) {
    const Put* put = std::get_if<Put>(&write);
    if (put != nullptr) bytes += put->key.size() + put->value.size();
  }
  return bytes;
}

std::uint64_t wall_now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void wake(int file) {
  const std::uint64_t one = 1;
  (void)!::write(file, &one, sizeof one);
}

}  // namespace

StoreWriter::StoreWriter(LmdbFile& file, int wake_file) : file_(file), wake_file_(wake_file) {
  // Signals are the loop thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StoreWriter::~StoreWriter() {
  stop();
}

void StoreWriter::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  queued_.notify_one();
  thread_.join();
  for (WriteJob& job : queue_) {
    if (job.waiter == nullptr) continue;
    results_.push_back(
        {std::move(job.waiter), base::fail(base::ErrorCode::kClosed, base::ErrorSource::kStore,
                                           "the store was closed before it wrote this", true)});
  }
  queue_.clear();
}

base::Status StoreWriter::submit(WriteRequest request, std::shared_ptr<WriteWaiter> waiter) {
  const std::size_t bytes = count_bytes(request);
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueueRequestsMax || queue_bytes_ + bytes > kQueueBytesMax) {
      return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kStore,
                        "too many writes wait for the disk", true);
    }
    queue_.push_back({std::move(request), std::move(waiter), bytes});
    queue_bytes_ += bytes;
  }
  queued_.notify_one();
  return {};
}

std::vector<WriteResult> StoreWriter::take_results() {
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void StoreWriter::run() {
  for (;;) {
    std::vector<WriteJob> group = wait_for_group();
    if (!group.empty()) {
      write(std::move(group));
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    file_.clear_dead_readers();
  }
}

// Empty: time to look after the file, or to stop.
std::vector<WriteJob> StoreWriter::wait_for_group() {
  std::unique_lock lock(mutex_);
  queued_.wait_for(lock, kReadersCheckPeriod, [this] { return stopping_ || !queue_.empty(); });
  std::vector<WriteJob> group;
  std::size_t bytes = 0;
  while (!stopping_ && !queue_.empty() && group.size() < kGroupRequestsMax) {
    WriteJob& next = queue_.front();
    if (!group.empty() && bytes + next.bytes > kGroupBytesMax) break;
    bytes += next.bytes;
    group.push_back(std::move(next));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
  return group;
}

void StoreWriter::write(std::vector<WriteJob> group) {
  std::vector<WriteRequest> requests;
  requests.reserve(group.size());
  for (WriteJob& job : group) requests.push_back(std::move(job.request));
  CommitReply done = file_.commit(requests, wall_now_ms());
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < group.size(); ++i) {
      results_.push_back({std::move(group[i].waiter), std::move(done.replies[i])});
    }
  }
  wake(wake_file_);
}

}  // namespace apisix::store
