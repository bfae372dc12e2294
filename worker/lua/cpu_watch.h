// CpuWatch: stops Lua that computes for too long. A thread looks a few times per limit whether the worker's
// thread is in the same run of Lua as before and how much CPU time it has used since; then a signal sets a
// hook, which ends the run: it yields, so that no pcall of the plugin can hold it, and where it cannot (a
// callback of C, a module that is being loaded) it raises an error. Machine code does not look at hooks: a
// run that goes on ends the process, and its successor compiles nothing.
//
//   running -> (limit) -> asked to stop -> stopped
//                                       \-> (kGraceMs more) -> the process ends
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "worker/lua/lua.h"

namespace apisix::lua {

// What runs now in this process, for the watch. Written by State::Entered alone.
struct Watched {
  std::atomic<lua_State*> running = nullptr;  // main coroutine of the State; null: no Lua runs
  std::atomic<std::uint64_t> turn = 0;        // of entries so far
  std::atomic<bool> stopping = false;         // the hook is set
  std::uint64_t stopped = 0;                  // runs that were ended
};
extern Watched watched;

class CpuWatch {
 public:
  // Watches the calling thread. `on_stuck` runs in the watch's thread before it ends the process.
  CpuWatch(std::uint64_t limit_ms, std::function<void()> on_stuck);
  ~CpuWatch();
  CpuWatch(const CpuWatch&) = delete;
  CpuWatch& operator=(const CpuWatch&) = delete;

  // The run that was to stop has ended.
  static void end_stopping(lua_State* lua);

 private:
  void watch();
  void look(std::uint64_t cpu_ms);

  const std::uint64_t limit_ms_;
  const std::function<void()> on_stuck_;
  const pthread_t worker_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool ends_ = false;
  // --- of the thread
  std::uint64_t seen_turn_ = 0;
  std::uint64_t seen_at_ms_ = 0;  // of CPU time
  std::uint64_t asked_at_ms_ = 0;
  bool has_asked_ = false;
  std::thread thread_;
};

}  // namespace apisix::lua
