// Ref: a Lua value that C++ keeps: a place in the registry of its State, which lives at least as long.
#pragma once

#include "shared/base/counted.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

class State;
struct Usage;

class Ref {
 public:
  Ref();
  // Takes the value on top of `lua`, which is any coroutine of `state`. nil gives an empty Ref.
  Ref(base::Ref<State> state, lua_State* lua);
  Ref(Ref&& other) noexcept;
  Ref& operator=(Ref&& other) noexcept;
  ~Ref();

  explicit operator bool() const { return place_ != LUA_NOREF; }
  const base::Ref<State>& state() const { return state_; }
  // Onto the stack of any coroutine of its State; nil when empty.
  void push(lua_State* lua) const;
  void reset();

  // The plugin that it belongs to: what is run with it costs that one. Null: none.
  Usage* usage() const { return usage_; }
  void set_usage(Usage* usage) { usage_ = usage; }

 private:
  base::Ref<State> state_;
  Usage* usage_ = nullptr;
  int place_ = LUA_NOREF;
};

}  // namespace apisix::lua
