// StoreWriter: the one thread of a process that writes to the store's file, because a commit waits for the
// disk and for other processes' writers. Owned by LocalStore.
//
// What is queued while a commit waits goes into the next one together: many writes, one wait for the disk.
// The reply to a request comes only after its commit. The thread blocks every signal.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "shared/async/awaiters.h"
#include "shared/base/result.h"
#include "shared/store/lmdb_file.h"

namespace apisix::store {

// Where one coroutine waits for its reply. Its frame and the job share it; only the loop's thread looks
// inside. Null once the frame is destroyed: the write goes on, its result is dropped.
struct WriteWaiter {
  async::Completion<base::Result<WriteReply>>* completion = nullptr;
};

struct WriteJob {
  WriteRequest request;
  std::shared_ptr<WriteWaiter> waiter;  // null = no coroutine waits
  std::size_t bytes = 0;
};

struct WriteResult {
  std::shared_ptr<WriteWaiter> waiter;
  base::Result<WriteReply> reply;
};

class StoreWriter {
 public:
  // Makes `wake_file` (an eventfd) readable when there are results.
  StoreWriter(LmdbFile& file, int wake_file);
  // Finishes the commit that is under way; see stop().
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  // kUnavailable, retryable, when too much is queued.
  base::Status submit(WriteRequest request, std::shared_ptr<WriteWaiter> waiter);
  std::vector<WriteResult> take_results();
  // Ends the thread after the commit that is under way. Requests that were not begun end with kClosed.
  void stop();

 private:
  void run();
  std::vector<WriteJob> wait_for_group();
  void write(std::vector<WriteJob> group);

  LmdbFile& file_;
  int wake_file_;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<WriteJob> queue_;
  std::size_t queue_bytes_ = 0;
  std::vector<WriteResult> results_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace apisix::store
