// State: one LuaJIT state with everything in it: OpenResty's API, APISIX's modules, the user's plugins. A
// worker makes it when something first needs Lua. A reload makes a new one; the old one lives as long as
// something still refers to it (a request, a plugin's configuration). One thread, never two Runs at once, but
// Runs nest: what Lua calls may start another one (ngx.thread.spawn).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async/scope.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "worker/lua/lua.h"
#include "worker/lua/memory.h"
#include "worker/lua/ref.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

class Binding;
class Run;
class Timers;

// Where a text of Lua comes from. Texts of the configuration (serverless functions, filter_func, scripts) are
// never compiled to machine code, so that they can always be stopped.
enum class Origin : std::uint8_t { kFile, kConfiguration };

class State : public base::Counted<State> {
 public:
  // With all modules of this room open and the paths of `deps.lua` set. Fails when the prelude does not load.
  static base::Result<base::Ref<State>> make(plugin::Deps& deps);
  ~State();

  // Of any coroutine of it.
  static State& of(lua_State* lua);

  lua_State* main() const { return main_; }
  plugin::Deps& deps() const { return deps_; }
  event::Loop& loop() const { return loop_; }
  Memory& memory() { return memory_; }
  // Timers and whatever else belongs to no request. Ended with close().
  async::Scope& tasks() { return *tasks_; }
  Timers& timers() { return *timers_; }
  // Timers that wait run at once, as premature; no new ones start. For a state that gives way to another.
  void close();
  // What runs now; null: modules are being loaded.
  Run* current() const { return current_; }

  // A function that returns what `text` returns. `name`: as tracebacks show it ("=serverless"). The error is
  // Lua's own text.
  base::Result<Ref> compile(std::string_view text, const std::string& name, Origin origin);
  // The text itself as a function, which has not run.
  base::Result<Ref> load(std::string_view text, const std::string& name, Origin origin);
  // require(name), protected; the module on top of the main stack is taken. The error has no traceback, like
  // the one that pcall(require, name) gives.
  base::Result<Ref> require(const std::string& name);
  // The value on top of `lua`.
  Ref take(lua_State* lua) { return {base::Ref<State>(this), lua}; }

  // --- what requests need so often that it has a place of its own instead of a name
  enum class Known : std::uint8_t { kCtxMetatable, kVarMetatable };
  // Takes the value on top of `lua`; once each, while the State opens.
  void know(Known what, lua_State* lua) { known_[static_cast<std::size_t>(what)] = take_place(lua); }
  void push_known(Known what, lua_State* lua) const {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, known_[static_cast<std::size_t>(what)]);
  }

  // --- for Ref: places in the registry, as luaL_ref gives them, and cheaper to be used again
  int take_place(lua_State* lua);
  void free_place(int place);

  // --- for Binding: those that have a ctx, for what finds the request of one
  Binding*& first_with_ctx() { return first_with_ctx_; }

  // --- for Run
  // What Runs have taken that were started inside of the current one.
  std::uint64_t& inner_ns() { return inner_ns_; }
  // An empty coroutine, kept alive until give() or drop().
  struct Thread {
    lua_State* lua = nullptr;
    int place = LUA_NOREF;
  };
  Thread take_thread();
  void give(Thread thread);  // has ended well: it is used again
  void drop(Thread thread);  // was stopped, or ended with an error
  // `run` runs until the result is destroyed; the one before it then goes on.
  class Entered {
   public:
    Entered(State& state, Run* run);
    ~Entered();
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    State& state_;
    Run* const before_;
    const bool was_enforced_;
  };

 private:
  explicit State(plugin::Deps& deps);
  base::Status open();

  plugin::Deps& deps_;
  event::Loop& loop_;  // outlives the Deps
  Memory memory_;
  lua_State* main_ = nullptr;
  std::unique_ptr<Timers> timers_;
  std::unique_ptr<async::Scope> tasks_;
  std::vector<Thread> idle_threads_;
  std::vector<int> idle_places_;
  std::array<int, 2> known_{};
  Binding* first_with_ctx_ = nullptr;
  Run* current_ = nullptr;
  std::uint64_t inner_ns_ = 0;
};

}  // namespace apisix::lua
