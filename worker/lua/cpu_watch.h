// CpuWatch: stops Lua that computes for too long. A timer of the worker thread's CPU time sends it a signal a
// few times per limit; the handler looks whether the same run of Lua as before goes on, and beyond the limit
// sets a hook, which ends the run: it yields, so that no pcall of the plugin can hold it, and where it cannot
// (a callback of C, a module that is being loaded) it raises an error. Machine code does not look at hooks: a
// run that goes on ends the process, and its successor compiles nothing.
//
//   running -> (limit) -> asked to stop -> stopped
//                                       \-> (kGraceMs more) -> the process ends
//
// No thread watches, since every system call costs more in a process that has two.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

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
  // Watches the calling thread; one at a time in a process. `stuck_code`: what the process exits with when a
  // run does not stop; the master says why.
  CpuWatch(std::uint64_t limit_ms, int stuck_code);
  ~CpuWatch();
  CpuWatch(const CpuWatch&) = delete;
  CpuWatch& operator=(const CpuWatch&) = delete;

  // The run that was to stop has ended.
  static void end_stopping(lua_State* lua);

 private:
  timer_t timer_{};
  bool has_timer_ = false;
};

}  // namespace apisix::lua
