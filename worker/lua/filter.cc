#include "worker/lua/filter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "worker/lua/binding.h"
#include "worker/lua/run.h"
#include "worker/lua/runtime.h"
#include "worker/lua/text_check.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

// Reading ctx.var may raise, so Lua does it.
constexpr std::string_view kCall =
    "return function(filter) return function(ctx) return filter(ctx.var) end end";

// The text is a function, not a chunk that returns one.
std::string chunk_of(std::string_view text) {
  return "return " + std::string(text);
}

// What filters that waited decided in the request. They are kept alive: another one could have the same
// address.
struct Decisions {
  struct Decision {
    std::shared_ptr<const Ref> filter;
    bool is_true;
  };
  std::vector<Decision> made;
};
constexpr char kDecisions = 0;  // its address is the owner of the state

bool has_returned_true(const Run& run, Run::End end) {
  if (end == Run::End::kReturned) return run.results() > 0 && lua_toboolean(run.thread(), 1) != 0;
  if (end == Run::End::kError) base::log_error("filter_func: {}\n{}", run.error(), run.traceback());
  return false;
}

async::Step decide(std::unique_ptr<Run> run, std::shared_ptr<const Ref> filter, Decisions& decisions) {
  const Run::End end = co_await run->finish();
  decisions.made.push_back({std::move(filter), has_returned_true(*run, end)});
  co_return async::Outcome::kPass;
}

}  // namespace

base::Status check_filter_text(std::string_view text) {
  switch (const TextCheck found = check_text(chunk_of(text), LUA_TFUNCTION); found.verdict) {
    case TextCheck::Verdict::kAccepted:
      return {};
    case TextCheck::Verdict::kNoChunk:
      return base::invalid("failed to load 'filter_func' string: " + found.fault);
    case TextCheck::Verdict::kOtherType:
      break;
  }
  return base::invalid("'filter_func' should be a function");
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
  Ref filter = (*state)->take(lua);
  filter.set_usage(&deps.shared<UsageTable>().of("filter_func"));
  return filter;
}

bool runs_true(const std::shared_ptr<const Ref>& filter, plugin::RequestState& request,
               async::Step* waiting) {
  if (waiting != nullptr && !waiting->done()) return true;
  auto& decisions = request.kept<Decisions>(&kDecisions);
  const auto known = std::ranges::find(decisions.made, filter, &Decisions::Decision::filter);
  if (known != decisions.made.end()) return known->is_true;
  State& state = *filter->state();
  Binding& binding = Binding::of(state, request);
  auto run = std::make_unique<Run>(state, Phase::kAccess, &binding);
  run->set_usage(filter->usage());
  filter->push(run->thread());
  binding.push_ctx(run->thread());
  const Run::End end = run->start(1);
  if (end != Run::End::kWaiting) return has_returned_true(*run, end);
  async::Step step = decide(std::move(run), filter, decisions);
  if (step.done()) return decisions.made.back().is_true;  // what it waited for was at hand
  if (waiting == nullptr) {
    base::log_error("filter_func: it waits, which it may not where nothing is sent: the route is not taken");
    return false;
  }
  *waiting = std::move(step);
  return true;
}

}  // namespace apisix::lua
