// Run: one execution of Lua by the gateway: a hook of a plugin, a timer, a light thread. It owns a coroutine
// from the State's pool, and resumes it again whenever what it waits for has come. User coroutines
// (coroutine.create) run below it: resume and yield among them pass through here, so that any of them may
// wait.
//
//   made -> start() -> kReturned | kExit | kError
//                  \-> kWaiting -> finish() (co_await) -> the same three
//
// Destroying a Run that waits cancels it: what it waits for is destroyed, its coroutine is never resumed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "shared/base/recycled.h"
#include "worker/lua/lua.h"
#include "worker/lua/phase.h"
#include "worker/lua/state.h"

namespace apisix::plugin {
class Body;
}

namespace apisix::lua {

class Binding;
class Threads;
struct Usage;

class Run final : public base::Recycled<Run> {
 public:
  enum class End : std::uint8_t { kReturned, kExit, kError, kWaiting };

  // `state` outlives it: what is outside of the State has a reference to it, what is inside ends with it.
  // `binding`: of the request; null: there is none (timers, loading).
  Run(State& state, Phase phase, Binding* binding);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // What runs on this coroutine. Raises when nothing does.
  static Run& of(lua_State* lua);

  // Push the function and its arguments here, then start(). After kReturned the results are on it: results().
  lua_State* thread() const { return thread_.lua; }
  End start(int arguments);
  // After kWaiting, once.
  async::Task<End> finish();

  int results() const { return lua_gettop(thread_.lua); }
  // After kExit: what ngx.exit() was called with.
  int exit_code() const { return exit_code_; }
  // After kError: "FILE:LINE: what", and the stacks of all coroutines, innermost first.
  const std::string& error() const { return failure().error; }
  const std::string& traceback() const { return failure().traceback; }

  State& state() const { return *state_; }
  Phase phase() const { return phase_; }
  Binding* binding() const { return binding_; }
  // The piece of a body that body_filter runs on; null elsewhere.
  plugin::Body* body() const { return body_; }
  void set_body(plugin::Body* body) { body_ = body; }

  // The plugin that it runs for, that of what started it when it began; null: none.
  Usage* usage() const { return usage_; }
  void set_usage(Usage* usage) { usage_ = usage; }

  // The light threads that it has spawned, which end with it; made at first use.
  Threads& threads();

  // --- what C functions return to Lua's caller: `return lua::wait(lua, read(...));`
  int wait(lua_State* lua, async::Task<int> operation);
  int exit(lua_State* lua, int code);
  // coroutine.resume(co, ...) with co and its arguments on `lua`; coroutine.yield(...).
  int resume(lua_State* lua);
  int yield(lua_State* lua);

  bool may_wait() const { return (kWaitingPhases & bit(phase_)) != 0; }
  // The user coroutines that run now, outermost first, without the entry.
  const std::vector<lua_State*>& coroutines() const { return coroutines_; }
  bool is_running(lua_State* coroutine) const {
    return coroutine == thread_.lua || std::ranges::find(coroutines_, coroutine) != coroutines_.end();
  }

 private:
  // Why a coroutine came back from lua_resume with LUA_YIELD. kNone: it was stopped from outside.
  enum class Request : std::uint8_t { kNone, kWait, kExit, kResume, kYield };

  struct Failure {
    std::string error;
    std::string traceback;
  };
  const Failure& failure() const;
  End advance(int arguments);
  End advance_counted(int arguments);
  End resume_until_it_waits(int arguments);
  End end_of_entry();
  async::Task<int> operate();
  lua_State* active() const { return coroutines_.empty() ? thread_.lua : coroutines_.back(); }
  int enter_coroutine();
  int leave_coroutine(bool with_true, int values);
  End fail(lua_State* lua, std::string what);

  State* const state_;
  State::Thread thread_;
  std::vector<lua_State*> coroutines_;
  async::Task<int> operation_;
  std::unique_ptr<Threads> threads_;
  std::unique_ptr<const Failure> failure_;
  Binding* const binding_;
  Usage* usage_;
  plugin::Body* body_ = nullptr;
  int exit_code_ = 0;
  const Phase phase_;
  Request request_ = Request::kNone;
  bool has_returned_ = false;  // and waits for its threads
};

// For C functions that wait. `operation` runs outside Lua and must not raise; it pushes its results onto
// `lua`, the coroutine that called, and gives their count. The caller's arguments stay on `lua`, below them,
// until it ends: views of them are good. Raises "API disabled in the context of ..." where waiting is not
// allowed.
int wait(lua_State* lua, async::Task<int> operation);
// Raises "API disabled in the context of ..." unless the phase is one of `phases`.
Run& check_phase(lua_State* lua, std::uint32_t phases);

}  // namespace apisix::lua
