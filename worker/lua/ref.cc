#include "worker/lua/ref.h"

#include <utility>

#include "worker/lua/state.h"

namespace apisix::lua {

Ref::Ref(base::Ref<State> state, lua_State* lua) : state_(std::move(state)) {
  if (lua_isnil(lua, -1)) {
    lua_pop(lua, 1);
    return;
  }
  place_ = state_->take_place(lua);
}

Ref::Ref() = default;

Ref::Ref(Ref&& other) noexcept
    : state_(std::move(other.state_)), usage_(other.usage_), place_(std::exchange(other.place_, LUA_NOREF)) {}

Ref::~Ref() {
  reset();
}

Ref& Ref::operator=(Ref&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::move(other.state_);
    usage_ = other.usage_;
    place_ = std::exchange(other.place_, LUA_NOREF);
  }
  return *this;
}

void Ref::push(lua_State* lua) const {
  if (place_ == LUA_NOREF) {
    lua_pushnil(lua);
  } else {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, place_);
  }
}

void Ref::reset() {
  if (place_ != LUA_NOREF) state_->free_place(std::exchange(place_, LUA_NOREF));
  state_ = {};
}

}  // namespace apisix::lua
