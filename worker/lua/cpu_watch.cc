#include "worker/lua/cpu_watch.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <unistd.h>

#include "shared/base/log.h"

namespace apisix::lua {

Watched watched;

namespace {

// Of CPU time, for a run that was asked to stop.
constexpr std::uint64_t kGraceMs = 2'000;

// What the handler knows; of the watched thread alone.
struct Look {
  std::uint64_t limit_ms = 0;
  int stuck_code = 0;
  std::uint64_t turn = 0;
  std::uint64_t since_ms = 0;  // of CPU time: when that turn was first seen, or asked to stop
  bool has_asked = false;
};
Look seen;

// No other part of the gateway uses it.
int stop_signal() {
  return SIGRTMIN + 5;
}

// Runs in the Lua that is to end, between two instructions. It stays set until State::Entered takes it out:
// so it ends what caught the error, too, and the run that a light thread was spawned in.
void stop(lua_State* lua, lua_Debug*) {
  if (lua_isyieldable(lua) != 0) {
    lua_yield(lua, 0);
    return;
  }
  luaL_error(lua, "stopped: it ran longer than lua.cpu_limit");
}

std::uint64_t thread_cpu_ms() {
  timespec now{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

void look() {
  lua_State* const lua = watched.running.load(std::memory_order_relaxed);
  const std::uint64_t turn = watched.turn.load(std::memory_order_relaxed);
  const std::uint64_t now_ms = thread_cpu_ms();
  if (lua == nullptr || turn != seen.turn) {
    seen.turn = turn;
    seen.since_ms = now_ms;
    seen.has_asked = false;
  } else if (!seen.has_asked) {
    if (now_ms - seen.since_ms < seen.limit_ms) return;
    seen.has_asked = true;
    seen.since_ms = now_ms;
    watched.stopping.store(true, std::memory_order_relaxed);
    lua_sethook(lua, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
  } else if (now_ms - seen.since_ms >= kGraceMs) {
    ::_exit(seen.stuck_code);
  }
}

// Only what may run in a handler: it interrupts anything.
void on_signal(int) {
  const int error_number = errno;
  look();
  errno = error_number;
}

}  // namespace

CpuWatch::CpuWatch(std::uint64_t limit_ms, int stuck_code) {
  seen = {.limit_ms = limit_ms, .stuck_code = stuck_code};
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(stop_signal(), &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = stop_signal();
  event._sigev_un._tid = ::gettid();
  const auto period_ms = static_cast<long>(std::clamp<std::uint64_t>(limit_ms / 5, 10, 100));
  const timespec period{.tv_sec = 0, .tv_nsec = period_ms * 1'000'000};
  const itimerspec times{.it_interval = period, .it_value = period};
  has_timer_ = ::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
  if (!has_timer_ || ::timer_settime(timer_, 0, &times, nullptr) != 0) {
    base::log_error("lua.cpu_limit is not kept: {}", std::strerror(errno));
  }
}

CpuWatch::~CpuWatch() {
  if (has_timer_) ::timer_delete(timer_);
}

void CpuWatch::end_stopping(lua_State* lua) {
  lua_sethook(lua, nullptr, 0, 0);
  watched.stopping.store(false, std::memory_order_relaxed);
  ++watched.stopped;
}

}  // namespace apisix::lua
