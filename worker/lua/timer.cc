// ngx.sleep and ngx.timer. A timer belongs to no request: it has a coroutine of its own, which waits in the
// State.
#include <cmath>
#include <memory>
#include <utility>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/timers.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

// Longer ones are this long: a hundred years.
constexpr double kDelayMaxMs = 3.2e12;

std::uint64_t to_ms(double seconds) {
  return static_cast<std::uint64_t>(std::min(seconds * 1000, kDelayMaxMs));
}

async::Task<int> wait_for(event::Loop& loop, std::uint64_t delay_ms) {
  co_await async::Sleep(loop, delay_ms);
  co_return 0;
}

int sleep(lua_State* lua) {
  const double seconds = luaL_checknumber(lua, 1);
  if (!(seconds >= 0)) return luaL_error(lua, "invalid sleep duration \"%f\"", seconds);
  return lua::wait(lua, wait_for(State::of(lua).loop(), to_ms(seconds)));
}

// A place in the registry. The State owns its timers: a Ref here would keep it alive for ever.
class Kept {
 public:
  explicit Kept(lua_State* lua) : lua_(State::of(lua).main()), place_(luaL_ref(lua, LUA_REGISTRYINDEX)) {}
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() { luaL_unref(lua_, LUA_REGISTRYINDEX, place_); }
  void push(lua_State* lua) const { lua_rawgeti(lua, LUA_REGISTRYINDEX, place_); }

 private:
  lua_State* const lua_;
  const int place_;
};

async::Task<void> run_once(State& state, std::unique_ptr<Run> run, int arguments) {
  Timers& timers = state.timers();
  ++timers.running;
  Run::End end = run->start(arguments);
  if (end == Run::End::kWaiting) end = co_await run->finish();
  --timers.running;
  if (end == Run::End::kError) {
    base::log_error("lua entry thread aborted: runtime error: {}\n{}, context: ngx.timer", run->error(),
                    run->traceback());
  }
}

// What the timer calls: {function, arguments ...}, called with `premature` in front of the arguments.
async::Task<void> call(State& state, std::shared_ptr<const Kept> function, Usage* usage, bool is_premature) {
  const std::size_t running_max = state.timers().running_max;
  if (state.timers().running >= running_max) {
    base::log_error("{} lua_max_running_timers are not enough", running_max);
    co_return;
  }
  auto run = std::make_unique<Run>(state, Phase::kTimer, nullptr);
  run->set_usage(usage);
  lua_State* const lua = run->thread();
  function->push(lua);
  const int count = static_cast<int>(lua_objlen(lua, 1));
  lua_checkstack(lua, count + 4);
  lua_getfield(lua, 1, "n");
  const int values = static_cast<int>(lua_tointeger(lua, -1));
  lua_pop(lua, 1);
  lua_rawgeti(lua, 1, 1);
  lua_pushboolean(lua, is_premature ? 1 : 0);
  for (int i = 2; i <= values; ++i) lua_rawgeti(lua, 1, i);
  lua_remove(lua, 1);
  co_await run_once(state, std::move(run), values);
}

// A repeated one does not wait for its function: the next time counts from the last, as OpenResty has it.
async::Task<void> serve(State& state, std::shared_ptr<const Kept> function, Usage* usage,
                        std::uint64_t delay_ms, bool repeats) {
  Timers& timers = state.timers();
  bool is_premature = false;
  do {
    ++timers.pending;
    is_premature = co_await timers.wait(delay_ms);
    --timers.pending;
    state.tasks().spawn(call(state, function, usage, is_premature));
  } while (repeats && !is_premature && !timers.is_closed());
}

int start(lua_State* lua, bool repeats) {
  const double delay = luaL_checknumber(lua, 1);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  if (!(delay >= 0)) return luaL_error(lua, "invalid delay \"%f\"", delay);
  if (repeats && delay == 0) return luaL_error(lua, "delay cannot be 0");
  State& state = State::of(lua);
  Timers& timers = state.timers();
  if (timers.is_closed()) return push_error(lua, "process exiting");
  if (timers.pending >= timers.pending_max) return push_error(lua, "too many pending timers");
  const int values = lua_gettop(lua) - 1;
  lua_createtable(lua, values, 1);
  for (int i = 1; i <= values; ++i) {
    lua_pushvalue(lua, i + 1);
    lua_rawseti(lua, -2, i);
  }
  set_number(lua, "n", values);
  Usage* const usage = current_usage(lua);
  state.tasks().spawn(serve(state, std::make_shared<const Kept>(lua), usage, to_ms(delay), repeats));
  lua_pushboolean(lua, 1);
  return 1;
}

int at(lua_State* lua) {
  return start(lua, false);
}

int every(lua_State* lua) {
  return start(lua, true);
}

int pending_count(lua_State* lua) {
  lua_pushinteger(lua, static_cast<lua_Integer>(State::of(lua).timers().pending));
  return 1;
}

int running_count(lua_State* lua) {
  lua_pushinteger(lua, static_cast<lua_Integer>(State::of(lua).timers().running));
  return 1;
}

}  // namespace

void open_timer(lua_State* ngx) {
  set_function(ngx, "sleep", sleep);
  lua_newtable(ngx);
  set_function(ngx, "at", at);
  set_function(ngx, "every", every);
  set_function(ngx, "pending_count", pending_count);
  set_function(ngx, "running_count", running_count);
  lua_setfield(ngx, -2, "timer");
}

}  // namespace apisix::lua
