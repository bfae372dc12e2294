#include "worker/lua/cpu_watch.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <string_view>
#include <utility>

#include <pthread.h>
#include <unistd.h>

namespace apisix::lua {

Watched watched;

namespace {

constexpr int kExitCode = 3;
// Of CPU time, for a run that was asked to stop.
constexpr std::uint64_t kGraceMs = 2'000;

// No other part of the gateway uses it.
int stop_signal() {
  return SIGRTMIN + 5;
}

// Runs in the Lua that is to end, between two instructions.
void stop(lua_State* lua, lua_Debug*) {
  if (lua_isyieldable(lua) != 0) {
    lua_sethook(lua, nullptr, 0, 0);
    watched.stopping.store(false, std::memory_order_relaxed);
    ++watched.stopped;
    lua_yield(lua, 0);
    return;
  }
  // It stays set: the error ends what caught it, too. State::Entered takes it out.
  luaL_error(lua, "stopped: it ran longer than lua.cpu_limit");
}

void on_signal(int) {
  lua_State* const lua = watched.running.load(std::memory_order_relaxed);
  if (lua == nullptr) return;
  watched.stopping.store(true, std::memory_order_relaxed);
  lua_sethook(lua, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

std::uint64_t cpu_ms_of(pthread_t thread) {
  clockid_t clock{};
  timespec now{};
  if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &now) != 0) return 0;
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

CpuWatch::CpuWatch(std::uint64_t limit_ms, std::function<void()> on_stuck)
    : limit_ms_(limit_ms), on_stuck_(std::move(on_stuck)), worker_(::pthread_self()) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(stop_signal(), &action, nullptr);
  // Signals are for the worker's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { watch(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

CpuWatch::~CpuWatch() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void CpuWatch::end_stopping(lua_State* lua) {
  lua_sethook(lua, nullptr, 0, 0);
  watched.stopping.store(false, std::memory_order_relaxed);
  ++watched.stopped;
}

void CpuWatch::watch() {
  const std::chrono::milliseconds period(std::clamp<std::uint64_t>(limit_ms_ / 5, 10, 100));
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, period, [this] { return ends_; })) look(cpu_ms_of(worker_));
}

void CpuWatch::look(std::uint64_t cpu_ms) {
  const std::uint64_t turn = watched.turn.load(std::memory_order_relaxed);
  if (watched.running.load(std::memory_order_relaxed) == nullptr || turn != seen_turn_) {
    seen_turn_ = turn;
    seen_at_ms_ = cpu_ms;
    has_asked_ = false;
    return;
  }
  if (!has_asked_) {
    if (cpu_ms - seen_at_ms_ < limit_ms_) return;
    has_asked_ = true;
    asked_at_ms_ = cpu_ms;
    ::pthread_kill(worker_, stop_signal());
    return;
  }
  if (cpu_ms - asked_at_ms_ < kGraceMs) return;
  on_stuck_();
  ::_exit(kExitCode);
}

}  // namespace apisix::lua
