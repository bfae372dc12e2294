// What a user's plugin offers: api() through public-api: {{methods, uri, handler}, ...}, and control_api() on
// the Control API, with `uris` in the place of `uri`. Apis: the rows of api() as the contract has them. It
// has plain functions for APIs (plugin::PublicApi), which know nothing of whose they are: each API of Lua
// takes one of a fixed number of places, and each place has a function of its own.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "worker/lua/ref.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/plugin_kind.h"

namespace apisix::lua {

class State;

// One row of what api() gave, for one method.
struct LuaApi {
  std::string method;
  std::string path;
  Ref handler;  // function(conf, ctx)
};

// What the function `api` (`control_api`) of the module on top of the main stack gives; nothing where it has
// none.
base::Result<std::vector<LuaApi>> read_apis(State& state);
base::Result<std::vector<LuaApi>> read_control_apis(State& state);

class Apis {
 public:
  static constexpr std::size_t kPlaces = 64;
  explicit Apis(plugin::Deps&) {}

  // The rows as the contract has them; they and their texts stay as long as `apis`, until release(). An
  // error: no place is left.
  base::Result<std::vector<plugin::PublicApi>> take(const std::vector<LuaApi>& apis);
  void release(const std::vector<LuaApi>& apis);
  const LuaApi* at(std::size_t place) const { return places_[place]; }

 private:
  std::array<const LuaApi*, kPlaces> places_{};
};

}  // namespace apisix::lua
