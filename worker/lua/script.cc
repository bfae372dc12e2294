#include "worker/lua/script.h"

#include <array>
#include <string>
#include <utility>

#include "shared/format/read.h"
#include "worker/lua/kind.h"
#include "worker/lua/modules.h"
#include "worker/lua/runtime.h"
#include "worker/lua/text_check.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

using plugin::Phase;

// prelude/gateway/script.lua has a function of the same name for each.
constexpr std::array kPhases = {Phase::kRewrite,      Phase::kAccess,     Phase::kBeforeProxy,
                                Phase::kHeaderFilter, Phase::kBodyFilter, Phase::kDelayedBodyFilter,
                                Phase::kLog};

constexpr std::uint32_t hooks() {
  std::uint32_t out = 0;
  for (const Phase phase : kPhases) out |= 1u << static_cast<unsigned>(phase);
  return out;
}

// "route#1" of "/routes/1": what tracebacks show.
std::string chunk_name(std::string_view resource) {
  const auto slash = resource.rfind('/');
  return "route#" + std::string(slash != std::string_view::npos ? resource.substr(slash + 1) : resource);
}

// The chunk, which makes the script's table anew for each request; or why there is none.
Ref load_script(State& state, const std::string& text, std::string_view resource) {
  auto chunk = state.load(text, chunk_name(resource), Origin::kConfiguration);
  if (chunk) return std::move(*chunk);
  push(state.main(), "failed to load script: " + chunk.error().what + " script: " + text);
  return state.take(state.main());
}

class ScriptKind final : public plugin::PluginKind {
 public:
  ScriptKind() : PluginKind({.name = kScriptName}, hooks()) {}

  std::string_view schemas() const override { return R"({"schema":{}})"; }

  base::Result<base::Ref<plugin::Plugin>> build(const ::Json::Value& conf,
                                                const plugin::BuildContext& context) const override {
    auto state = context.deps.shared<Runtime>().state();
    if (!state) return std::unexpected(state.error());
    auto phases = (*state)->require("gateway.script");
    if (!phases) return std::unexpected(phases.error());
    lua_State* const lua = (*state)->main();
    LuaPlugin::Functions functions;
    phases->push(lua);
    for (const Phase phase : kPhases) {
      lua_getfield(lua, -1, plugin::name_of(phase).data());
      functions[static_cast<std::size_t>(phase)] = (*state)->take(lua);
    }
    lua_pop(lua, 1);
    const std::string text = format::string_of(format::find_member(conf, "script"));
    Ref chunk = load_script(**state, text, context.resource);
    chunk.set_usage(&context.deps.shared<UsageTable>().of(kScriptName));
    return base::Ref<plugin::Plugin>(new LuaPlugin(std::move(functions), std::move(chunk), 0));
  }
};

}  // namespace

base::Status check_script_text(std::string_view text) {
  const TextCheck found = check_text(text, LUA_TTABLE);
  if (found.verdict == TextCheck::Verdict::kNoChunk)
    return base::invalid("failed to load 'script' string: " + found.fault);
  if (found.verdict == TextCheck::Verdict::kOtherType)
    return base::invalid("'script' should be a Lua object");
  return {};
}

base::Status check_stored_script_text(std::string_view text) {
  const TextCheck found = check_text(text, LUA_TTABLE);
  if (found.verdict == TextCheck::Verdict::kNoChunk)
    return base::invalid("failed to load 'script' string: " + found.fault);
  return {};
}

const plugin::PluginKind& script_kind() {
  static const ScriptKind kind;
  return kind;
}

}  // namespace apisix::lua
