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

namespace apisix::lua {
namespace {

using async::Outcome;
using async::Step;

constexpr std::uint16_t kInternalError = 500;
constexpr int kOk = 200;
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
  // What ngx.status was set to before the first byte is what the client gets, whatever ngx.exit() says.
  const int shown = binding.has_responded() && binding.status() != 0 ? binding.status() : status;
  return request.reject(static_cast<std::uint16_t>(shown), binding.output());
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

// What a hook returned: nothing, or a status and a body, either of which may be nil.
Outcome outcome_of(Run& run, Binding& binding) {
  lua_State* const lua = run.thread();
  const bool has_status = lua_isnumber(lua, 1) != 0;
  const bool has_body = !lua_isnoneornil(lua, 2) || (!has_status && !lua_isnoneornil(lua, 1));
  if (!has_status && !has_body) {
    return binding.has_responded() ? respond(binding, 0) : Outcome::kPass;
  }
  const int status = has_status ? static_cast<int>(lua_tointeger(lua, 1)) : 0;
  std::string fault;
  if (has_body) {
    if (!append_body(lua, lua_isnoneornil(lua, 2) ? 1 : 2, binding.output(), fault)) {
      base::log_error("lua entry thread aborted: runtime error: cannot encode the body: {}", fault);
      return binding.request().reject_page(kInternalError);
    }
    binding.set_responded();
    if (status != 0) binding.set_status(status);
  }
  return respond(binding, status);
}

// ngx.exit(code): a status, or one of nginx's own numbers.
Outcome exited(Run& run, Binding& binding) {
  constexpr int kError = -1;
  if (run.exit_code() == kError) return binding.request().reject_page(kInternalError);
  if (run.exit_code() > 0) return respond(binding, run.exit_code());
  return binding.has_responded() ? respond(binding, 0) : Outcome::kPass;
}

Outcome conclude(Run& run, Run::End end, Binding& binding) {
  switch (end) {
    case Run::End::kReturned:
      return outcome_of(run, binding);
    case Run::End::kExit:
      return exited(run, binding);
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
  run->set_usage(conf.usage());
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
  run.set_usage(conf.usage());
  push_call(run, function, conf, binding);
  if (run.start(2) != Run::End::kError) return;
  log_error(run);
  // Half of a body that a filter has changed is none: nginx cuts the connection as well.
  if (body != nullptr) body->break_off();
}

void announce_changes(plugin::Request& request) {
  plugin::ResponseState& response = plugin::RequestState::of(request).response;
  const bool has_length = response.from_upstream && response.upstream_head != nullptr &&
                          response.upstream_head->has_content_length;
  if (!has_length) response.body_changes = true;
}

}  // namespace apisix::lua
