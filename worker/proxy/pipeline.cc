#include "worker/proxy/pipeline.h"

#include <array>
#include <utility>

#include "shared/memory/stub_status.h"
#include "worker/config/registry.h"
#include "worker/plugin/debug_mode.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/client_certificate.h"
#include "worker/proxy/direct_response.h"
#include "worker/proxy/request_target.h"
#include "worker/proxy/stream.h"
#include "worker/proxy/upstream_head.h"

namespace apisix::proxy {
namespace {

enum class Phase : std::uint8_t {
  kNormalize,
  kClientAddress,
  kMatch,
  kGlobalRewrite,
  kRewrite,
  kMergeConsumer,
  kConsumerRewrite,
  kGlobalAccess,
  kAccess,
  kPickNode,
  kGlobalBeforeProxy,
  kBeforeProxy,
  kHeldResponse,
  kPrepare,
  kForward
};

// kWait: the phase runs again at the callback of what it waits for.
enum class Next : std::uint8_t { kGoOn, kWait, kResponded };

Next respond_error_page(Stream& stream, std::uint16_t status) {
  stream.respond_error_page(status);
  return Next::kResponded;
}

// As nginx, a target that makes no sense ends the connection.
Next refuse(Stream& stream, const char* what) {
  stream.refuse(400, what);
  return Next::kResponded;
}

Next check_client(Stream& stream) {
  if (!stream.request().client.connection->is_tls) return Next::kGoOn;
  if (may_client_ask(stream.request(), *stream.services().tls_of(ClientKind::kProxy))) return Next::kGoOn;
  return respond_error_page(stream, 400);
}

Next normalize(Stream& stream) {
  const TargetFault fault = normalize_target(stream.request(), stream.services().options);
  if (!fault) return check_client(stream);
  if (fault.ends_connection) return refuse(stream, fault.what);
  plugin::log_info(stream.request(), "client sent a request that is not served ({})", fault.what);
  return respond_error_page(stream, fault.status);
}

Next find_client_address(Stream& stream) {
  apply_real_ip(stream.request(), stream.services().options);
  apply_forwarded_headers(stream.request(), stream.services().options);
  return Next::kGoOn;
}

// As in APISIX it stands before all routes, and is not logged.
Next respond_nginx_status(Stream& stream) {
  const plugin::RequestState& request = stream.request();
  stream.pipeline().keep_out_of_log();
  if (!memory::may_see_stub_status(request.client.ip)) return respond_error_page(stream, 403);
  const std::string_view method = request.head->method_text;
  if (method != "GET" && method != "HEAD") return respond_error_page(stream, 405);
  const std::string text = memory::stub_status_text(stream.services().status.totals());
  stream.respond({200, stream.request().arena.copy(text), "text/plain"});
  return Next::kResponded;
}

async::Step read_secrets(secret::SecretCache& secrets, std::uint64_t wait_ms_max) {
  co_await secrets.changed().wait(wait_ms_max);
  co_return async::pass();
}

// The route's plugins, or the certificate for its nodes, need secrets that are being read.
Next wait_for_secrets(Stream& stream) {
  if (const std::uint64_t wait_ms_max = stream.pipeline().secret_wait_ms_left()) {
    stream.pipeline().wait_for(read_secrets(stream.services().registry.secrets(), wait_ms_max));
    return Next::kWait;
  }
  plugin::log_error(stream.request(), "the secrets that the route needs could not be read in time");
  return respond_error_page(stream, 503);
}

async::Step read_body_fields(RequestContent& content) {
  co_await content.read_body_fields();
  co_return async::pass();
}

// A filter_func of Lua: when it has decided, routes are matched again.
bool waits_for_filter(Stream& stream) {
  async::Step step = stream.services().registry.take_waiting_filter();
  if (step.done()) return false;
  stream.pipeline().wait_for(std::move(step));
  return true;
}

Next match(Stream& stream) {
  if (stream.request().target.path == memory::kStubStatusPath) [[unlikely]]
    return respond_nginx_status(stream);
  if (const std::uint16_t status = stream.content().failure()) return respond_error_page(stream, status);
  config::Registry& registry = stream.services().registry;
  if (auto* trace = plugin::find_trace(stream.request()))
    trace->on_phase("http_access_phase", stream.request());
  if (const auto& global = registry.global_chain()) {
    if (registry.awaits_secrets(global.get())) return wait_for_secrets(stream);
    stream.chains().set_global(global);
  }
  auto route = registry.match(stream.request());
  if (!route && waits_for_filter(stream)) return Next::kWait;
  const plugin::BodyFields& body = stream.request().body;
  if (body.is_wanted() && !body.is_read()) {  // a condition is about the body: read it, match again
    async::Step step = read_body_fields(stream.content());
    if (!step.done()) {
      stream.pipeline().wait_for(std::move(step));
      return Next::kWait;
    }
    if (const std::uint16_t status = stream.content().failure()) return respond_error_page(stream, status);
    route = registry.match(stream.request());
    if (!route && waits_for_filter(stream)) return Next::kWait;
  }
  if (!route) return Next::kGoOn;  // pick_node() responds with 404, once the global rules have run
  const config::RouteRuntime& runtime = *route->runtime;
  if (runtime.failure != 0) return respond_error_page(stream, runtime.failure);
  if (registry.awaits_secrets(runtime.chain.get())) return wait_for_secrets(stream);
  if (runtime.chain) stream.chains().set_route(runtime.chain);
  stream.pipeline().set_route(std::move(route));
  return Next::kGoOn;
}

// --- plugins

Next apply_result(Stream& stream, plugin::ChainRun::Result result) {
  if (result == plugin::ChainRun::Result::kWait) return Next::kWait;
  if (stream.finish_streamed()) return Next::kResponded;
  if (const std::uint16_t status = stream.content().failure()) return respond_error_page(stream, status);
  if (result == plugin::ChainRun::Result::kPass) return Next::kGoOn;
  const plugin::DirectResponse& direct = stream.request().direct_response;
  if (direct.is_error_page && direct.status >= 300) return respond_error_page(stream, direct.status);
  stream.respond(direct);
  return Next::kResponded;
}

template <plugin::Phase phase>
Next run_global(Stream& stream) {
  return apply_result(stream,
                      stream.chains().run_global(phase, &PipelineRun::on_step_done, &stream.pipeline()));
}

template <plugin::Phase phase>
Next run_route(Stream& stream) {
  return apply_result(stream,
                      stream.chains().run_route(phase, &PipelineRun::on_step_done, &stream.pipeline()));
}

// An auth plugin found out who it is: what is configured for the consumer comes over the route's plugins.
Next merge_consumer(Stream& stream) {
  plugin::RequestState& request = stream.request();
  if (!request.identity.consumer) return Next::kGoOn;
  // A global rule's auth plugin may have found it although no route matched.
  const config::CompiledRoute* route = stream.pipeline().route();
  if (route == nullptr) return Next::kGoOn;
  auto merged = stream.services().registry.chain_with(*route, request.identity.consumer);
  if (!merged) {
    plugin::log_error(request, "route {}: {}", route->id, merged.error().what);
    return respond_error_page(stream, 503);
  }
  if (*merged && (*merged)->is_pending()) return wait_for_secrets(stream);
  if (merged->get() != stream.chains().route()) stream.chains().set_route(std::move(*merged));
  return Next::kGoOn;
}

Next run_consumers_rewrite(Stream& stream) {
  if (!stream.request().identity.consumer || stream.chains().route() == nullptr) return Next::kGoOn;
  return apply_result(stream,
                      stream.chains().run_consumers_rewrite(&PipelineRun::on_step_done, &stream.pipeline()));
}

// As in APISIX, where a plugin's response that is under way does not keep the others from running.
Next respond_with_held(Stream& stream) {
  const plugin::DirectResponse& direct = stream.request().direct_response;
  if (!direct.is_held) return Next::kGoOn;
  stream.respond(direct);
  return Next::kResponded;
}

// --- forwarding

Next pick_node(Stream& stream) {
  if (stream.request().direct_response.is_held) [[unlikely]]
    return Next::kGoOn;
  const config::CompiledRoute* const route = stream.pipeline().route();
  if (route == nullptr) {
    stream.respond(route_not_found());
    return Next::kResponded;
  }
  std::uint16_t failure = 0;
  switch (stream.forward().pick_first(*route, failure)) {
    case Forward::Pick::kPicked:
      return Next::kGoOn;
    case Forward::Pick::kWait:
      return Next::kWait;
    case Forward::Pick::kWaitForSecrets:
      return wait_for_secrets(stream);
    case Forward::Pick::kFailed:
      break;
  }
  return respond_error_page(stream, failure);
}

Next prepare(Stream& stream) {
  add_client_address(stream.request());
  if (auto* trace = plugin::find_trace(stream.request()))
    trace->on_phase_done("http_access_phase", stream.request());
  return Next::kGoOn;
}

Next forward(Stream& stream) {
  stream.set_state(Stream::State::kForwarding);
  stream.forward().start();
  return Next::kResponded;
}

struct Row {
  Phase phase;
  Next (*run)(Stream&);
  bool runs_hooks = false;  // and does nothing else: skipped by requests without a chain
};
constexpr bool kRunsHooks = true;

constexpr std::array kPhases = {
    Row{Phase::kNormalize, normalize},
    Row{Phase::kClientAddress, find_client_address},
    Row{Phase::kMatch, match},
    Row{Phase::kGlobalRewrite, run_global<plugin::Phase::kRewrite>, kRunsHooks},
    Row{Phase::kRewrite, run_route<plugin::Phase::kRewrite>, kRunsHooks},
    Row{Phase::kMergeConsumer, merge_consumer, kRunsHooks},
    Row{Phase::kConsumerRewrite, run_consumers_rewrite, kRunsHooks},
    Row{Phase::kGlobalAccess, run_global<plugin::Phase::kAccess>, kRunsHooks},
    Row{Phase::kAccess, run_route<plugin::Phase::kAccess>, kRunsHooks},
    Row{Phase::kPickNode, pick_node},
    Row{Phase::kGlobalBeforeProxy, run_global<plugin::Phase::kBeforeProxy>, kRunsHooks},
    Row{Phase::kBeforeProxy, run_route<plugin::Phase::kBeforeProxy>, kRunsHooks},
    Row{Phase::kHeldResponse, respond_with_held, kRunsHooks},
    Row{Phase::kPrepare, prepare},
    Row{Phase::kForward, forward},
};

}  // namespace

void run_pipeline(Stream& stream) {
  for (std::size_t at = stream.pipeline().phase(); at < kPhases.size(); ++at) {
    if (kPhases[at].runs_hooks && stream.chains().is_empty()) continue;
    switch (kPhases[at].run(stream)) {
      case Next::kGoOn:
        break;
      case Next::kWait:
        stream.pipeline().set_phase(at);
        return stream.set_state(Stream::State::kWaiting);
      case Next::kResponded:
        return;
    }
  }
}

}  // namespace apisix::proxy
