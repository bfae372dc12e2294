#include "worker/lua/hook.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "shared/base/log.h"
#include "worker/lua/binding.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

using async::Outcome;
using async::Step;

constexpr std::uint16_t kInternalError = 500;

void log_error(const Run& run) {
  base::log_error("lua entry thread aborted: runtime error: {}\n{}", run.error(), run.traceback());
}

// What a hook returned: nothing, or a status and a body, either of which may be nil.
Outcome outcome_of(Run& run, Binding& binding) {
  lua_State* const lua = run.thread();
  const bool has_status = lua_isnumber(lua, 1) != 0;
  const bool has_body = !lua_isnoneornil(lua, 2);
  if (!has_status && !has_body) return Outcome::kPass;
  const auto status = has_status ? static_cast<std::uint16_t>(lua_tointeger(lua, 1)) : std::uint16_t{200};
  binding.output() += text_at(lua, 2);
  return binding.request().reject(status, binding.output());
}

Outcome conclude(Run& run, Run::End end, Binding& binding) {
  switch (end) {
    case Run::End::kReturned:
      return outcome_of(run, binding);
    case Run::End::kExit:
      return binding.request().reject(static_cast<std::uint16_t>(run.exit_code()), binding.output());
    case Run::End::kError:
    case Run::End::kWaiting:
      break;
  }
  log_error(run);
  return binding.request().reject_page(kInternalError);
}

Step finish(std::unique_ptr<Run> run, Binding& binding) {
  const Run::End end = co_await run->finish();
  co_return conclude(*run, end, binding);
}

void push_call(Run& run, const Ref& function, const Ref& conf, Binding& binding) {
  function.push(run.thread());
  conf.push(run.thread());
  binding.push_ctx(run.thread());
}

}  // namespace

Step run_hook(const Ref& function, const Ref& conf, plugin::Request& request) {
  State& state = *function.state();
  Binding& binding = Binding::of(state, request);
  auto run = std::make_unique<Run>(state, Phase::kAccess, &binding);
  push_call(*run, function, conf, binding);
  const Run::End end = run->start(2);
  if (end == Run::End::kWaiting) return finish(std::move(run), binding);
  return conclude(*run, end, binding);
}

void run_plain_hook(const Ref& function, const Ref& conf, Phase phase, plugin::Request& request,
                    plugin::Body* body) {
  State& state = *function.state();
  Binding& binding = Binding::of(state, request);
  Run run(state, phase, &binding);
  run.set_body(body);
  push_call(run, function, conf, binding);
  if (run.start(2) == Run::End::kError) log_error(run);
}

}  // namespace apisix::lua
