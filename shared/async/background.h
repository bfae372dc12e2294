// Background<T>: work that would block a turn of the loop for too long (parsing megabytes), on a thread of
// its own, awaited by one coroutine.
//   async::Background<Parsed> work(loop, [text] { return parse(text); });  Parsed got = co_await work.done();
// The work must touch nothing that the loop's thread uses, and must not log in a way that matters to order.
// Destroying it waits for the work: it cannot be cancelled.
#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "shared/async/awaiters.h"
#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"

namespace apisix::async {

// The thread, and the callback on the loop at its end. Signals stay the loop thread's.
class BackgroundThread {
 public:
  // `on_end` is a callback on the loop, after the thread has ended.
  BackgroundThread(event::Loop& loop, std::function<void()> work, std::function<void()> on_end);
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

 private:
  void on_wake();

  std::function<void()> on_end_;
  base::UniqueFd wake_;
  event::IoWatch watch_;
  std::thread thread_;
};

template <typename T>
class Background {
 public:
  Background(event::Loop& loop, std::function<T()> work)
      : completion_(loop),
        thread_(
            loop, [this, work = std::move(work)] { result_.emplace(work()); },
            [this] { completion_.set(std::move(*result_)); }) {}

  Completion<T>& done() { return completion_; }

 private:
  Completion<T> completion_;
  std::optional<T> result_;  // the thread's until it has ended
  BackgroundThread thread_;
};

}  // namespace apisix::async
