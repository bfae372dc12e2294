#include "worker/lua/run.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "worker/lua/threads.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
// Others of the worker notice.
constexpr std::uint64_t kSlowNs = 200 * kNsPerMs;

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// What an error object says: its text, or its type.
std::string error_text(lua_State* lua) {
  std::size_t bytes = 0;
  const char* text = lua_tolstring(lua, -1, &bytes);
  if (text != nullptr) return {text, bytes};
  return fmt::format("(error object is a {} value)", luaL_typename(lua, -1));
}

}  // namespace

Run::Run(State& state, Phase phase, Binding* binding)
    : state_(&state),
      thread_(state.take_thread()),
      binding_(binding),
      usage_(state.current() != nullptr ? state.current()->usage() : nullptr),
      phase_(phase) {}

Run::~Run() {
  operation_.reset();
  threads_.reset();
  // A coroutine that waits, or was ended by an error, cannot run anything else.
  if (lua_status(thread_.lua) == 0) {
    state_->give(thread_);
  } else {
    // What it held is garbage, which nothing collects before the next allocation is refused, too.
    const bool had_no_memory = lua_status(thread_.lua) == LUA_ERRMEM;
    state_->drop(thread_);
    if (had_no_memory) lua_gc(state_->main(), LUA_GCCOLLECT, 0);
  }
}

Threads& Run::threads() {
  if (!threads_) threads_ = std::make_unique<Threads>(*this, state_->loop());
  return *threads_;
}

Run& Run::of(lua_State* lua) {
  Run* run = State::of(lua).current();
  if (run == nullptr) luaL_error(lua, "no request found");
  return *run;
}

Run::End Run::start(int arguments) {
  if (usage_ != nullptr) ++usage_->runs;
  return advance(arguments);
}

async::Task<Run::End> Run::finish() {
  for (;;) {
    const bool has_threads = threads_ && threads_->are_running();
    const int values = has_threads ? co_await operate() : co_await std::exchange(operation_, {});
    // A light thread has called ngx.exit(): that ends the whole request.
    if (threads_ && threads_->exit_code()) {
      exit_code_ = *threads_->exit_code();
      co_return End::kExit;
    }
    if (has_returned_) co_return End::kReturned;
    const End end = advance(values);
    if (end != End::kWaiting) co_return end;
  }
}

// What it waits for beside its light threads: ngx.exit() of one ends the wait. Once the entry has returned,
// that is the end of all of them, as OpenResty has it.
async::Task<int> Run::operate() {
  constexpr std::uint64_t kForever = std::uint64_t{1} << 40;
  std::optional<int> values;
  async::Scope scope(state_->loop());
  if (!has_returned_) {
    scope.spawn(
        [](async::Task<int> wanted, std::optional<int>& result, Threads& threads) -> async::Task<void> {
          result = co_await std::move(wanted);
          threads.changed().notify();
        }(std::exchange(operation_, {}), values, *threads_));
  }
  while (!values && !threads_->exit_code() && (!has_returned_ || threads_->are_running()))
    co_await threads_->changed().wait(kForever);
  co_return values.value_or(0);
}

Run::End Run::end_of_entry() {
  if (!threads_) return End::kReturned;
  if (threads_->exit_code()) {
    exit_code_ = *threads_->exit_code();
    return End::kExit;
  }
  has_returned_ = threads_->are_running();
  return has_returned_ ? End::kWaiting : End::kReturned;
}

Run::End Run::advance(int arguments) {
  return usage_ != nullptr ? advance_counted(arguments) : resume_until_it_waits(arguments);
}

// What other Runs do that it starts meanwhile is theirs.
Run::End Run::advance_counted(int arguments) {
  const std::uint64_t begun_ns = now_ns();
  const std::uint64_t inner_before_ns = std::exchange(state_->inner_ns(), 0);
  const End end = resume_until_it_waits(arguments);
  const std::uint64_t took_ns = now_ns() - begun_ns;
  usage_->busy_ns += took_ns - std::min(took_ns, state_->inner_ns());
  state_->inner_ns() = inner_before_ns + took_ns;
  if (end == End::kWaiting) ++usage_->waits;
  if (end == End::kError) ++usage_->errors;
  if (took_ns > kSlowNs && !std::exchange(usage_->was_told_slow, true)) {
    base::log_warn("plugin {} held the whole worker for {} ms without a wait, in {}; said once for it",
                   usage_->name, took_ns / kNsPerMs, context_of(phase_));
  }
  return end;
}

Run::End Run::resume_until_it_waits(int arguments) {
  const State::Entered entered(*state_, this);
  for (;;) {
    lua_State* const lua = active();
    request_ = Request::kNone;
    state_->memory().set_enforced(true);
    const int status = lua_resume(lua, arguments);
    // What follows runs outside of every protected call: memory that is refused here would end the process.
    state_->memory().set_enforced(false);
    if (status == 0) {
      if (coroutines_.empty()) return end_of_entry();
      arguments = leave_coroutine(true, lua_gettop(lua));
    } else if (status != LUA_YIELD) {
      if (coroutines_.empty()) {
        std::string what = error_text(lua);
        lua_settop(lua, 0);  // makes room for what looks at the stack
        return fail(lua, std::move(what));
      }
      // coroutine.resume gives false and the error.
      arguments = leave_coroutine(false, 1);
    } else {
      switch (request_) {
        case Request::kWait:
          return End::kWaiting;
        case Request::kExit:
          return End::kExit;
        case Request::kResume:
          arguments = enter_coroutine();
          break;
        case Request::kYield:
          arguments = leave_coroutine(true, lua_gettop(lua));
          break;
        case Request::kNone:
          if (usage_ != nullptr) ++usage_->stopped;
          return fail(lua, "stopped: it ran longer than lua.cpu_limit without a wait");
      }
    }
  }
}

// The caller's stack has the coroutine and its arguments. The coroutine stays there, which keeps it alive.
int Run::enter_coroutine() {
  lua_State* const caller = active();
  lua_State* const callee = lua_tothread(caller, 1);
  const int arguments = lua_gettop(caller) - 1;
  lua_xmove(caller, callee, arguments);
  coroutines_.push_back(callee);
  return arguments;
}

// The innermost coroutine has ended or yielded, with `values` on top of its stack: they become the results of
// its caller's coroutine.resume.
int Run::leave_coroutine(bool with_true, int values) {
  lua_State* const callee = coroutines_.back();
  coroutines_.pop_back();
  lua_State* const caller = active();
  lua_pushboolean(caller, with_true ? 1 : 0);
  lua_xmove(callee, caller, values);
  return values + 1;
}

const Run::Failure& Run::failure() const {
  static const Failure kNone;
  return failure_ ? *failure_ : kNone;
}

Run::End Run::fail(lua_State* lua, std::string what) {
  std::string traceback = "stack traceback:";
  int number = 0;
  const auto add = [&](lua_State* coroutine) {
    // Onto another stack: this one may have overflowed.
    lua_State* const to = state_->main();
    luaL_traceback(to, coroutine, nullptr, 0);
    std::string_view trace = text_at(to, -1);
    if (const auto line = trace.find('\n'); line != std::string_view::npos) trace.remove_prefix(line);
    traceback += fmt::format("\ncoroutine {}:{}", number++, trace);
    lua_pop(to, 1);
  };
  for (auto at = coroutines_.rbegin(); at != coroutines_.rend(); ++at) add(*at);
  add(thread_.lua);
  failure_ = std::make_unique<Failure>(std::move(what), std::move(traceback));
  return End::kError;
}

int Run::wait(lua_State* lua, async::Task<int> operation) {
  operation_ = std::move(operation);
  request_ = Request::kWait;
  return lua_yield(lua, lua_gettop(lua));
}

int Run::exit(lua_State* lua, int code) {
  exit_code_ = code;
  request_ = Request::kExit;
  return lua_yield(lua, lua_gettop(lua));
}

int Run::resume(lua_State* lua) {
  request_ = Request::kResume;
  return lua_yield(lua, lua_gettop(lua));
}

int Run::yield(lua_State* lua) {
  request_ = Request::kYield;
  return lua_yield(lua, lua_gettop(lua));
}

int wait(lua_State* lua, async::Task<int> operation) {
  Run& run = check_phase(lua, kWaitingPhases);
  return run.wait(lua, std::move(operation));
}

Run& check_phase(lua_State* lua, std::uint32_t phases) {
  Run& run = Run::of(lua);
  if ((phases & bit(run.phase())) == 0) {
    luaL_error(lua, "API disabled in the context of %s", context_of(run.phase()).data());
  }
  return run;
}

}  // namespace apisix::lua
