#include "worker/lua/hook.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "shared/base/log.h"
#include "worker/lua/binding.h"
#include "worker/lua/json_text.h"
#include "worker/lua/run.h"
#include "worker/plugin/body.h"
#include "worker/plugin/response_stream.h"

namespace apisix::lua {
namespace {

using async::Outcome;
using async::Step;

constexpr std::uint16_t kInternalError = 500;
constexpr std::uint16_t kBadGateway = 502;
constexpr int kOk = 200;
constexpr int kExitError = -1;  // ngx.ERROR
// Of a final response.
constexpr int kStatusMin = 200;
constexpr int kStatusMax = 999;

void log_error(const Run& run) {
  base::log_error("lua entry thread aborted: runtime error: {}\n{}", run.error(), run.traceback());
}

// A response of the gateway's own: what was said before, and nginx's page where nothing was.
Outcome respond(Binding& binding, int code) {
  constexpr int kFirstPage = 300;
  plugin::Request& request = binding.request();
  const int status = code > 0 ? code : (binding.status() != 0 ? binding.status() : kOk);
  if (status < kStatusMin || status > kStatusMax) return request.reject_page(kInternalError);
  if (status >= kFirstPage && !binding.has_responded())
    return request.reject_page(static_cast<std::uint16_t>(status));
  // As it was at the first byte, whatever ngx.exit() says.
  const int shown = binding.has_responded() ? binding.status() : status;
  return request.reject(static_cast<std::uint16_t>(shown), binding.output());
}

// The hook has written and returned nothing: the hooks of other plugins run as well.
Outcome hold(Binding& binding) {
  const int status = binding.status();
  if (status < kStatusMin || status > kStatusMax) return binding.request().reject_page(kInternalError);
  binding.request().response().hold(static_cast<std::uint16_t>(status), binding.output());
  return Outcome::kPass;
}

// As APISIX's core.response.exit(code, body): a table becomes JSON with a line feed.
bool append_body(lua_State* lua, int index, std::string& out, std::string& fault) {
  if (!lua_istable(lua, index)) {
    lua_pushvalue(lua, index);
    std::size_t bytes = 0;
    const char* text = lua_tolstring(lua, -1, &bytes);
    if (text != nullptr) out.append(text, bytes);
    lua_pop(lua, 1);
    return true;
  }
  const auto json = encode_json(lua, index);
  if (!json) {
    fault = json.error().what;
    return false;
  }
  out += *json;
  out += '\n';
  return true;
}

bool returned_body(lua_State* lua) {
  return !lua_isnoneornil(lua, 2) || (lua_isnumber(lua, 1) == 0 && !lua_isnoneornil(lua, 1));
}

// The body that a hook returned.
bool append_results(Run& run, std::string& out, std::string& fault) {
  lua_State* const lua = run.thread();
  return !returned_body(lua) || append_body(lua, lua_isnoneornil(lua, 2) ? 1 : 2, out, fault);
}

// What a hook returned: nothing, or a status and a body, either of which may be nil.
Outcome outcome_of(Run& run, Binding& binding) {
  lua_State* const lua = run.thread();
  const bool has_status = lua_isnumber(lua, 1) != 0;
  const bool has_body = returned_body(lua);
  if (!has_status && !has_body) {
    return binding.has_responded() ? hold(binding) : Outcome::kPass;
  }
  const int status = has_status ? static_cast<int>(lua_tointeger(lua, 1)) : 0;
  std::string fault;
  if (has_body) {
    if (!append_results(run, binding.output(), fault)) {
      base::log_error("lua entry thread aborted: runtime error: cannot encode the body: {}", fault);
      return binding.request().reject_page(kInternalError);
    }
    if (status != 0 && !binding.has_responded()) binding.set_status(status);
    binding.set_responded();
  }
  return respond(binding, status);
}

// ngx.exit(code): a status, or one of nginx's own numbers.
Outcome exited(Run& run, Binding& binding) {
  if (run.exit_code() == kExitError) return binding.request().reject_page(kInternalError);
  if (run.exit_code() > 0) return respond(binding, run.exit_code());
  return binding.has_responded() ? respond(binding, 0) : Outcome::kPass;
}

// ctx.upstream_id: APISIX looks there when it chooses the upstream, before the route's own.
bool follow_upstream_id(Run& run, Binding& binding) {
  lua_State* const lua = run.thread();
  binding.push_ctx(lua);
  lua_pushnil(lua);
  if (lua_next(lua, -2) == 0) {  // mostly: the hook has put nothing into it
    lua_pop(lua, 1);
    return true;
  }
  lua_pop(lua, 2);
  lua_pushliteral(lua, "upstream_id");
  lua_rawget(lua, -2);
  bool exists = true;
  if (std::size_t bytes = 0; lua_isstring(lua, -1) != 0) {
    const char* id = lua_tolstring(lua, -1, &bytes);
    const auto upstream = State::of(lua).deps().directory.upstream_by_id({id, bytes});
    exists = upstream->exists();
    binding.request().upstream().choose(upstream);
  }
  lua_pop(lua, 2);
  return exists;
}

Outcome conclude(Run& run, Run::End end, Binding& binding) {
  switch (end) {
    case Run::End::kReturned: {
      const bool is_plain = run.results() == 0 && !binding.has_responded();
      const Outcome outcome = is_plain ? Outcome::kPass : outcome_of(run, binding);
      if (outcome != Outcome::kPass || follow_upstream_id(run, binding)) return outcome;
      return binding.request().reject_page(kBadGateway);
    }
    case Run::End::kExit:
      return exited(run, binding);
    case Run::End::kError:
    case Run::End::kWaiting:
      break;
  }
  log_error(run);
  return binding.request().reject_page(kInternalError);
}

// Some of the response is sent: the status that the hook gives besides is too late, a body goes behind it.
Step end_stream(std::unique_ptr<Run> run, Run::End end, Binding& binding) {
  std::string fault;
  if (end == Run::End::kError || (end == Run::End::kExit && run->exit_code() == kExitError)) {
    if (end == Run::End::kError) log_error(*run);
    co_return binding.stream()->abort();
  }
  if (end == Run::End::kReturned && !append_results(*run, binding.output(), fault)) {
    base::log_error("lua entry thread aborted: runtime error: cannot encode the body: {}", fault);
    co_return binding.stream()->abort();
  }
  co_await binding.flush();
  co_return co_await binding.stream()->end();
}

Step finish(std::unique_ptr<Run> run, Binding& binding) {
  const Run::End end = co_await run->finish();
  if (binding.stream() != nullptr) co_return co_await end_stream(std::move(run), end, binding);
  co_return conclude(*run, end, binding);
}

void push_call(Run& run, const Ref& function, const Ref& conf, Binding& binding) {
  function.push(run.thread());
  conf.push(run.thread());
  binding.push_ctx(run.thread());
}

}  // namespace

std::uint64_t global_rule_of(const plugin::BuildContext& context) {
  return context.resource.starts_with("/global_rules/") ? context.version : 0;
}

Step run_hook(const Ref& function, const Ref& conf, plugin::Request& request, std::uint64_t global_rule) {
  State& state = *function.state();
  Binding& binding = Binding::of(state, request);
  binding.set_global_rule(global_rule);
  auto run = std::make_unique<Run>(state, Phase::kAccess, &binding);
  run->set_usage(conf.usage());
  push_call(*run, function, conf, binding);
  const Run::End end = run->start(2);
  if (end == Run::End::kWaiting) return finish(std::move(run), binding);
  return conclude(*run, end, binding);
}

void run_plain_hook(const Ref& function, const Ref& conf, Phase phase, plugin::Request& request,
                    plugin::Body* body, std::uint64_t global_rule) {
  State& state = *function.state();
  Binding& binding = Binding::of(state, request);
  binding.set_global_rule(global_rule);
  Run run(state, phase, &binding);
  run.set_body(body);
  run.set_usage(conf.usage());
  push_call(run, function, conf, binding);
  if (run.start(2) != Run::End::kError) return;
  log_error(run);
  // Half of a body that a filter has changed is none: nginx cuts the connection as well.
  if (body != nullptr) body->break_off();
  if (phase == Phase::kHeaderFilter) request.response().refuse(kInternalError);
}

void announce_changes(plugin::Request& request) {
  plugin::ResponseState& response = plugin::RequestState::of(request).response;
  const bool has_length = response.from_upstream && response.upstream_head != nullptr &&
                          response.upstream_head->has_content_length;
  (has_length ? response.body_may_change : response.body_changes) = true;
}

}  // namespace apisix::lua
