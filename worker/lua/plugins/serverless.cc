#include "worker/lua/plugins/serverless.h"

#include <memory>
#include <string>
#include <utility>

#include "worker/lua/json_value.h"
#include "worker/lua/runtime.h"
#include "worker/lua/syntax.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

using plugin::Outcome;
using plugin::Step;

plugin::Phase phase_of(std::string_view name) {
  for (std::size_t i = 0; i < plugin::kPhaseCount; ++i) {
    if (plugin::name_of(static_cast<plugin::Phase>(i)) == name) return static_cast<plugin::Phase>(i);
  }
  return plugin::Phase::kAccess;
}

// For texts that are looked at and not used: it has no libraries, and nothing to call.
lua_State* compiler() {
  static const std::unique_ptr<lua_State, decltype(&lua_close)> lua(luaL_newstate(), &lua_close);
  return lua.get();
}

void stop_counting(lua_State* lua, lua_Debug*) {
  luaL_error(lua, "it takes too long to return a function");
}

// The text must compile, and return a function. One that needs more than the language itself for that is
// taken at its word: it runs when the plugin is built.
base::Status check_function(const std::string& text) {
  constexpr int kStepsMax = 100'000;
  lua_State* const lua = compiler();
  base::Status status;
  if (load_text(lua, text, text.c_str()) != 0) {
    status = base::invalid("failed to loadstring: " + std::string(text_at(lua, -1)));
  } else {
    lua_sethook(lua, stop_counting, LUA_MASKCOUNT, kStepsMax);
    const bool has_run = lua_pcall(lua, 0, 1, 0) == 0;
    lua_sethook(lua, nullptr, 0, 0);
    if (has_run && !lua_isfunction(lua, -1)) {
      status = base::invalid(std::string("only accept Lua function, the input code type is ") +
                             luaL_typename(lua, -1));
    }
  }
  lua_settop(lua, 0);
  return status;
}

}  // namespace

base::Status Serverless::check(const plugin::Conf& conf) {
  for (const std::string& function : conf.list("functions")) {
    if (auto status = check_function(function); !status) return status;
  }
  return {};
}

Serverless::Serverless(Parts parts)
    : phase_(parts.phase),
      conf_(std::move(parts.conf)),
      functions_(std::move(parts.functions)),
      global_rule_(parts.global_rule) {}

base::Result<Serverless::Parts> Serverless::read(const plugin::Conf& conf,
                                                 const plugin::BuildContext& context) {
  auto state = context.deps.shared<Runtime>().state();
  if (!state) return std::unexpected(state.error());
  Parts parts{phase_of(conf.text("phase")), {}, {}, global_rule_of(context)};
  for (const std::string& text : conf.list("functions")) {
    auto function = (*state)->compile(text, text, Origin::kConfiguration);
    if (!function) return std::unexpected(function.error());
    function->push((*state)->main());
    const bool is_function = lua_isfunction((*state)->main(), -1);
    lua_pop((*state)->main(), 1);
    if (!is_function) return base::invalid("only accept Lua function, the input code does not return one");
    parts.functions.push_back(std::move(*function));
  }
  push_json((*state)->main(), conf.json());
  parts.conf = (*state)->take((*state)->main());
  parts.conf.set_usage(&context.deps.shared<UsageTable>().of(context.plugin));
  return parts;
}

Step Serverless::run(plugin::Request& request) {
  if (functions_.size() == 1) return run_hook(functions_.front(), conf_, request, global_rule_);
  return run_from(request, 0);
}

Step Serverless::run_from(plugin::Request& request, std::size_t first) {
  for (std::size_t i = first; i < functions_.size(); ++i) {
    if (co_await run_hook(functions_[i], conf_, request, global_rule_) == Outcome::kRespond)
      co_return Outcome::kRespond;
  }
  co_return Outcome::kPass;
}

void Serverless::header_filter(plugin::Request& request) {
  if (phase_ == plugin::Phase::kBodyFilter) return announce_changes(request);
  for (const Ref& function : functions_)
    run_plain_hook(function, conf_, Phase::kHeaderFilter, request, nullptr, global_rule_);
}

void Serverless::body_filter(plugin::Request& request, plugin::Body& body) {
  for (const Ref& function : functions_)
    run_plain_hook(function, conf_, Phase::kBodyFilter, request, &body, global_rule_);
}

void Serverless::log(plugin::Request& request) {
  for (const Ref& function : functions_)
    run_plain_hook(function, conf_, Phase::kLog, request, nullptr, global_rule_);
}

}  // namespace apisix::lua
