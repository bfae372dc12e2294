#include "worker/lua/state.h"

#include <utility>

#include "shared/base/check.h"
#include "worker/lua/cpu_watch.h"
#include "worker/lua/modules.h"
#include "worker/lua/syntax.h"
#include "worker/lua/timers.h"
#include "worker/plugin/lua_settings.h"
#include "worker/plugin/variables.h"

namespace apisix::lua {
namespace {

// Coroutines that are kept for the next hooks; a burst of more gives its own back to the collector.
constexpr std::size_t kIdleThreadsMax = 1024;

// package.path or cpath: what the user's configuration names stands before Lua's own.
void prepend_path(lua_State* lua, const char* field, std::string_view extra) {
  if (extra.empty()) return;
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, field);
  std::string path(extra);
  if (!path.ends_with(';')) path += ';';
  path += text_at(lua, -1);
  lua_pop(lua, 1);
  push(lua, path);
  lua_setfield(lua, -2, field);
  lua_pop(lua, 1);
}

std::unique_ptr<Timers> make_timers(plugin::Deps& deps) {
  const plugin::LuaSettings defaults;
  const plugin::LuaSettings& settings = deps.lua != nullptr ? *deps.lua : defaults;
  return std::make_unique<Timers>(deps.loop, settings.pending_timers_max, settings.running_timers_max);
}

int open_in_protection(lua_State* lua) {
  open_all(lua);
  return 0;
}

}  // namespace

State::State(plugin::Deps& deps)
    : deps_(deps),
      loop_(deps.loop),
      memory_(*this, deps.lua != nullptr ? deps.lua->memory_bytes_max : 0),
      timers_(make_timers(deps)),
      tasks_(std::make_unique<async::Scope>(deps.loop)) {}

State::~State() {
  // Tasks first: they hold Runs, whose coroutines belong to the state.
  tasks_.reset();
  plugin::Variables::drop_registered(this);
  if (main_ != nullptr) lua_close(main_);
}

base::Result<base::Ref<State>> State::make(plugin::Deps& deps) {
  base::Ref<State> state(new State(deps));
  if (auto opened = state->open(); !opened) return std::unexpected(opened.error());
  return state;
}

base::Status State::open() {
  main_ = lua_newstate(&Memory::allocate, &memory_);
  if (main_ == nullptr)
    return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway, "no Lua state");
  lua_gc(main_, LUA_GCSTOP, 0);
  luaL_openlibs(main_);
  if (deps_.lua != nullptr) {
    if (!deps_.lua->compiles) luaJIT_setmode(main_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    prepend_path(main_, "path", deps_.lua->path);
    prepend_path(main_, "cpath", deps_.lua->cpath);
  }
  lua_pushcfunction(main_, open_in_protection);
  const int fault = lua_pcall(main_, 0, 0, 0);
  lua_gc(main_, LUA_GCRESTART, 0);
  if (fault != 0) {
    auto status = base::invalid(std::string(text_at(main_, -1)));
    lua_settop(main_, 0);
    return status;
  }
  return {};
}

void State::close() {
  timers_->close();
}

State& State::of(lua_State* lua) {
  void* memory = nullptr;
  lua_getallocf(lua, &memory);
  return static_cast<Memory*>(memory)->state();
}

base::Result<Ref> State::load(std::string_view text, const std::string& name, Origin origin) {
  const Entered entered(*this, current_);
  if (load_text(main_, text, name.c_str()) != 0) {
    std::string what(text_at(main_, -1));
    lua_settop(main_, 0);
    return base::invalid(std::move(what));
  }
  if (origin == Origin::kConfiguration) luaJIT_setmode(main_, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
  return take(main_);
}

base::Result<Ref> State::compile(std::string_view text, const std::string& name, Origin origin) {
  auto chunk = load(text, name, origin);
  if (!chunk) return chunk;
  const Entered entered(*this, current_);
  chunk->push(main_);
  if (lua_pcall(main_, 0, 1, 0) != 0) {
    std::string what(text_at(main_, -1));
    lua_settop(main_, 0);
    return base::invalid(std::move(what));
  }
  return take(main_);
}

base::Result<Ref> State::require(const std::string& name) {
  const Entered entered(*this, current_);
  lua_getglobal(main_, "require");
  push(main_, name);
  if (lua_pcall(main_, 1, 1, 0) != 0) {
    std::string what(lua_tostring(main_, -1) != nullptr ? lua_tostring(main_, -1)
                                                        : "error object is no text");
    lua_settop(main_, 0);
    return base::invalid(std::move(what));
  }
  return take(main_);
}

State::Thread State::take_thread() {
  if (!idle_threads_.empty()) {
    const Thread thread = idle_threads_.back();
    idle_threads_.pop_back();
    return thread;
  }
  lua_State* const lua = lua_newthread(main_);
  return {lua, luaL_ref(main_, LUA_REGISTRYINDEX)};
}

void State::give(Thread thread) {
  if (idle_threads_.size() >= kIdleThreadsMax) return drop(thread);
  lua_settop(thread.lua, 0);
  idle_threads_.push_back(thread);
}

void State::drop(Thread thread) {
  luaL_unref(main_, LUA_REGISTRYINDEX, thread.place);
}

int State::take_place(lua_State* lua) {
  if (idle_places_.empty()) return luaL_ref(lua, LUA_REGISTRYINDEX);
  const int place = idle_places_.back();
  idle_places_.pop_back();
  lua_rawseti(lua, LUA_REGISTRYINDEX, place);
  return place;
}

// Not nil: luaL_ref counts on a list without holes.
void State::free_place(int place) {
  lua_pushboolean(main_, 0);
  lua_rawseti(main_, LUA_REGISTRYINDEX, place);
  idle_places_.push_back(place);
}

State::Entered::Entered(State& state, Run* run)
    : state_(state), before_(std::exchange(state.current_, run)), was_enforced_(state.memory_.is_enforced()) {
  state_.memory_.set_enforced(true);
  if (was_enforced_) return;  // what runs below another run is part of it
  watched.turn.store(watched.turn.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  watched.running.store(state.main_, std::memory_order_relaxed);
}

State::Entered::~Entered() {
  state_.current_ = before_;
  state_.memory_.set_enforced(was_enforced_);
  if (was_enforced_) return;
  watched.running.store(nullptr, std::memory_order_relaxed);
  if (watched.stopping.load(std::memory_order_relaxed)) CpuWatch::end_stopping(state_.main_);
}

}  // namespace apisix::lua
