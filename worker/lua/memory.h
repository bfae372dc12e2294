// Memory: where a State's memory comes from. Counted, and bounded while Lua runs: beyond the limit Lua's own
// "not enough memory" ends the one coroutine that asked. Outside of Lua (results of a wait are pushed)
// nothing is refused, since an error there would have no one to catch it.
#pragma once

#include <cstddef>

namespace apisix::lua {

class State;

class Memory {
 public:
  // `bytes_max` 0: no limit.
  Memory(State& state, std::size_t bytes_max) : state_(state), bytes_max_(bytes_max) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // A lua_Alloc; `self` is the Memory.
  static void* allocate(void* self, void* block, std::size_t old_bytes, std::size_t new_bytes);

  State& state() const { return state_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t bytes_max() const { return bytes_max_; }
  void set_enforced(bool enforced) { enforced_ = enforced; }
  bool is_enforced() const { return enforced_; }

 private:
  State& state_;
  std::size_t bytes_ = 0;
  const std::size_t bytes_max_;
  bool enforced_ = false;
};

}  // namespace apisix::lua
