#include "worker/lua/filter.h"

#include <memory>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "worker/lua/binding.h"
#include "worker/lua/run.h"
#include "worker/lua/runtime.h"
#include "worker/lua/syntax.h"

namespace apisix::lua {
namespace {

// A chunk that only returns a function has run long before.
constexpr int kInstructionsMax = 1'000'000;

// Reading ctx.var may raise, so Lua does it.
constexpr std::string_view kCall =
    "return function(filter) return function(ctx) return filter(ctx.var) end end";

// The text is a function, not a chunk that returns one.
std::string chunk_of(std::string_view text) {
  return "return " + std::string(text);
}

void stop(lua_State* lua, lua_Debug*) {
  luaL_error(lua, "it runs too long");
}

}  // namespace

// In a state of its own, which lives for this check: nothing of the text stays, and it has no libraries to do
// anything with. A text that needs some before it returns its function is compiled by the workers alone.
base::Status check_filter_text(std::string_view text) {
  const std::string chunk = chunk_of(text);
  const std::unique_ptr<lua_State, decltype(&lua_close)> state(luaL_newstate(), &lua_close);
  lua_State* const lua = state.get();
  if (load_text(lua, chunk, chunk.c_str()) != 0) {
    return base::invalid("failed to load 'filter_func' string: " + std::string(text_at(lua, -1)));
  }
  luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  lua_sethook(lua, stop, LUA_MASKCOUNT, kInstructionsMax);
  if (lua_pcall(lua, 0, 1, 0) == 0 && !lua_isfunction(lua, -1)) {
    return base::invalid("'filter_func' should be a function");
  }
  return {};
}

base::Result<Ref> compile_filter(plugin::Deps& deps, std::string_view text) {
  auto state = deps.shared<Runtime>().state();
  if (!state) return std::unexpected(state.error());
  auto function = (*state)->compile(chunk_of(text), "=filter_func", Origin::kConfiguration);
  if (!function) return function;
  auto call = (*state)->compile(kCall, "=filter_func", Origin::kConfiguration);
  if (!call) return call;
  lua_State* const lua = (*state)->main();
  call->push(lua);
  function->push(lua);
  if (!lua_isfunction(lua, -1)) {
    lua_pop(lua, 2);
    return base::invalid("'filter_func' should be a function");
  }
  lua_call(lua, 1, 1);  // makes a closure: nothing of the user's runs
  return (*state)->take(lua);
}

bool runs_true(const Ref& filter, plugin::RequestState& request) {
  State& state = *filter.state();
  Binding& binding = Binding::of(state, request);
  Run run(state, Phase::kAccess, &binding);
  lua_State* const lua = run.thread();
  filter.push(lua);
  binding.push_ctx(lua);
  switch (run.start(1)) {
    case Run::End::kReturned:
      return run.results() > 0 && lua_toboolean(lua, 1) != 0;
    case Run::End::kExit:
      return false;
    case Run::End::kError:
      base::log_error("filter_func: {}\n{}", run.error(), run.traceback());
      return false;
    case Run::End::kWaiting:
      break;
  }
  base::log_error("filter_func: it waits, which it may not: the route is not taken");
  return false;
}

}  // namespace apisix::lua
