#include "worker/lua/pre_function.h"

#include <memory>
#include <utility>

#include "shared/base/log.h"
#include "worker/lua/binding.h"
#include "worker/lua/json_value.h"
#include "worker/lua/kind.h"
#include "worker/lua/run.h"
#include "worker/lua/runtime.h"
#include "worker/lua/syntax.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

using plugin::Outcome;
using plugin::Request;
using plugin::Step;

constexpr const char* kChunkName = "meta pre_function";

class Prefixed final : public plugin::Plugin {
 public:
  Prefixed(base::Ref<plugin::Plugin> plugin, std::string name, Ref function, Ref conf)
      : plugin_(std::move(plugin)),
        name_(std::move(name)),
        function_(std::move(function)),
        conf_(std::move(conf)) {}

  bool has(plugin::Phase phase) const override { return plugin_->has(phase); }
  std::span<const std::string> upstream_headers() const override { return plugin_->upstream_headers(); }

  Step rewrite(Request& request) override { return run(&Plugin::rewrite, request); }
  Step access(Request& request) override { return run(&Plugin::access, request); }
  Step before_proxy(Request& request) override { return run(&Plugin::before_proxy, request); }
  // Of the gateway's own phases, which APISIX's functions do not know.
  void request_body_filter(Request& request, plugin::Body& body) override {
    plugin_->request_body_filter(request, body);
  }
  void header_filter(Request& request) override {
    run_plain(Phase::kHeaderFilter, request, nullptr);
    plugin_->header_filter(request);
  }
  void body_filter(Request& request, plugin::Body& body) override {
    run_plain(Phase::kBodyFilter, request, &body);
    plugin_->body_filter(request, body);
  }
  void delayed_body_filter(Request& request, plugin::Body& body) override {
    run_plain(Phase::kBodyFilter, request, &body);
    plugin_->delayed_body_filter(request, body);
  }
  void log(Request& request) override {
    run_plain(Phase::kLog, request, nullptr);
    plugin_->log(request);
  }

 private:
  using Hook = Step (Plugin::*)(Request& request);

  void push_call(Run& run) const {
    run.set_usage(conf_.usage());
    function_.push(run.thread());
    conf_.push(run.thread());
    run.binding()->push_ctx(run.thread());
  }
  void note(const Run& run, Run::End end) const {
    if (end == Run::End::kReturned || end == Run::End::kExit) return;
    base::log_error("pre_function execution for plugin {} failed: {}\n{}", name_,
                    end == Run::End::kError ? run.error() : "it waits", run.traceback());
  }

  Step run(Hook hook, Request& request) {
    State& state = *function_.state();
    auto run = std::make_unique<Run>(state, Phase::kAccess, &Binding::of(state, request));
    push_call(*run);
    const Run::End end = run->start(2);
    if (end == Run::End::kWaiting) return finish(std::move(run), hook, request);
    note(*run, end);
    if (end == Run::End::kExit) return exit_with(*run, request);
    return (plugin_.get()->*hook)(request);
  }
  Step finish(std::unique_ptr<Run> run, Hook hook, Request& request) {
    const Run::End end = co_await run->finish();
    note(*run, end);
    if (end == Run::End::kExit) co_return exit_with(*run, request);
    co_return co_await (plugin_.get()->*hook)(request);
  }
  static Outcome exit_with(Run& run, Request& request) {
    return request.reject(static_cast<std::uint16_t>(run.exit_code()), run.binding()->output());
  }
  void run_plain(Phase phase, Request& request, plugin::Body* body) const {
    State& state = *function_.state();
    Run run(state, phase, &Binding::of(state, request));
    run.set_body(body);
    push_call(run);
    note(run, run.start(2));
  }

  const base::Ref<plugin::Plugin> plugin_;
  const std::string name_;
  const Ref function_;
  const Ref conf_;
};

base::Result<Ref> compile(plugin::Deps& deps, const std::string& text) {
  auto state = deps.shared<Runtime>().state();
  if (!state) return std::unexpected(state.error());
  auto function = (*state)->compile(text, kChunkName, Origin::kConfiguration);
  if (!function) return function;
  lua_State* const lua = (*state)->main();
  function->push(lua);
  const bool is_function = lua_isfunction(lua, -1);
  lua_pop(lua, 1);
  if (!is_function) return base::invalid("it does not return a function");
  return function;
}

}  // namespace

base::Status check_pre_function(std::string_view text) {
  const std::unique_ptr<lua_State, decltype(&lua_close)> lua(luaL_newstate(), &lua_close);
  if (load_text(lua.get(), text, kChunkName) == 0) return {};
  return base::invalid(std::string(text_at(lua.get(), -1)));
}

base::Ref<plugin::Plugin> with_pre_function(base::Ref<plugin::Plugin> plugin, const std::string& text,
                                            const ::Json::Value& conf, const plugin::BuildContext& context) {
  auto function = compile(context.deps, text);
  if (!function) {
    base::log_error("{}: failed to load the pre_function of plugin {}: {}", context.resource, context.plugin,
                    function.error().what);
    return plugin;
  }
  State& state = *function->state();
  // A plugin in Lua sees what the function writes into its configuration.
  if (const auto* own = dynamic_cast<const LuaPlugin*>(plugin.get()); own != nullptr) {
    own->conf().push(state.main());
  } else {
    push_json(state.main(), conf);
  }
  Ref table = state.take(state.main());
  table.set_usage(&context.deps.shared<UsageTable>().of(context.plugin));
  return base::Ref<plugin::Plugin>(
      new Prefixed(std::move(plugin), std::string(context.plugin), std::move(*function), std::move(table)));
}

}  // namespace apisix::lua
