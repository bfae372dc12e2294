#include "worker/plugin/chain.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "shared/http/identity_fields.h"
#include "worker/plugin/debug_mode.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/variables.h"

namespace apisix::plugin {
namespace {

// A filter about the body has no result before it is read.
bool awaits_body(const RequestState& request) {
  return request.body.is_wanted() && !request.body.is_read();
}

Step read_body_fields(RequestState& request) {
  co_await request.io->read_body_fields();
  co_return pass();
}

// Behind an auth plugin that was skipped no consumer is known: what the client says of itself must not pass
// for what the plugin would have said.
void drop_claimed_identity(RequestState& request) {
  if (request.identity.consumer) return;  // of another auth plugin
  http::remove_consumer_fields(request.head->headers);
}

bool contains_field(const std::vector<std::string_view>& names, std::string_view field_name) {
  return std::ranges::any_of(
      names, [field_name](std::string_view name) { return http::is_same_identity(field_name, name); });
}

bool is_among(const PluginConfs& confs, const PluginConf& conf) {
  const auto found = confs.find(conf.kind().info().name);
  return found != confs.end() && found->second.get() == &conf;
}

}  // namespace

// --- Chain

base::Result<base::Ref<const Chain>> Chain::make(Deps& deps, const PluginConfs& confs,
                                                 const PluginConfs* without_consumer,
                                                 secret::SecretCache* secrets) {
  auto chain = base::make_counted<Chain>();
  if (secrets != nullptr) {
    chain->refresh_secrets(confs, *secrets);
    if (without_consumer != nullptr) chain->refresh_secrets(*without_consumer, *secrets);
  }
  if (chain->is_pending()) return base::Ref<const Chain>(chain.get());
  if (auto added = chain->add_all(deps, confs, without_consumer); !added) {
    return std::unexpected(added.error());
  }
  chain->sort();
  chain->collect_declared(without_consumer);
  return base::Ref<const Chain>(chain.get());
}

base::Status Chain::add_all(Deps& deps, const PluginConfs& confs, const PluginConfs* without_consumer) {
  for (const auto& [name, conf] : confs) {
    const bool is_consumers = without_consumer != nullptr && !without_consumer->contains(name);
    authenticates_ |= conf->kind().info().is_auth;
    if (auto added = add(conf, conf->plugin(deps), is_consumers); !added) return added;
  }
  if (without_consumer == nullptr) return {};
  has_consumers_ = true;
  for (const auto& [name, conf] : *without_consumer) {
    if (is_among(confs, *conf)) continue;
    auto plugin = conf->plugin(deps);
    if (!plugin) return cannot_build(*conf, plugin.error());
    replaced_.push_back(std::move(*plugin));
  }
  return {};
}

// The names belong to kinds, and to plugins that the chain keeps. Where a consumer's plugins are merged in,
// the fields that name it are the gateway's already.
void Chain::collect_declared(const PluginConfs* without_consumer) {
  for (const Link& link : links()) {
    const bool is_routes = without_consumer == nullptr || is_among(*without_consumer, *link.conf);
    auto& names = is_routes ? declared_ : consumers_declared_;
    std::ranges::copy(link.conf->kind().info().upstream_headers, std::back_inserter(names));
    std::ranges::copy(link.plugin->upstream_headers(), std::back_inserter(names));
  }
  if (without_consumer == nullptr) return;
  for (const auto& [name, conf] : *without_consumer) {
    std::ranges::copy(conf->kind().info().upstream_headers, std::back_inserter(declared_));
  }
  for (const base::Ref<Plugin>& plugin : replaced_) {
    std::ranges::copy(plugin->upstream_headers(), std::back_inserter(declared_));
  }
  std::erase_if(consumers_declared_, [this](std::string_view name) {
    return contains_field(declared_, name) || http::is_consumer_field(name);
  });
}

bool Chain::declares(std::string_view field_name) const {
  return contains_field(declared_, field_name) || contains_field(consumers_declared_, field_name);
}

void Chain::remove_declared(RequestState& request) const {
  if (declared_.empty()) return;
  request.head->headers.remove_if(
      [this](const http::HeaderField& field) { return contains_field(declared_, field.name); });
}

void Chain::remove_consumers_declared(RequestState& request, const Chain* global) const {
  if (consumers_declared_.empty()) return;
  request.head->headers.remove_if([this, global](const http::HeaderField& field) {
    return contains_field(consumers_declared_, field.name) &&
           (global == nullptr || !global->declares(field.name));
  });
}

bool Chain::contains(const PluginKind& kind) const {
  return std::ranges::any_of(links(), [&kind](const Link& link) { return &link.conf->kind() == &kind; });
}

// --- ChainRun

void ChainRun::set_route(base::Ref<const Chain> chain) {
  route_ = std::move(chain);
  route_filters_ = nullptr;
}

// Once before the first hook of the request, and once more before the first hook that the consumer brought: a
// plugin that is skipped by its filter must not leave the client's own field to pass for the gateway's.
void ChainRun::remove_declared(bool only_consumers) {
  bool& is_removed = only_consumers ? removed_consumers_declared_ : removed_declared_;
  if (std::exchange(is_removed, true)) return;
  if (only_consumers) return route_->remove_consumers_declared(state(), global_.get());
  if (global_) global_->remove_declared(state());
  if (route_) route_->remove_declared(state());
}

ChainRun::Result ChainRun::run(const Chain& chain, Phase phase, bool only_consumers, void (*on_done)(void*),
                               void* context) {
  if (phase == Phase::kRewrite) remove_declared(only_consumers);
  const auto& hooks = chain.hooks(phase);
  while (at_ < hooks.size()) {
    const Chain::Link& link = *hooks[at_];
    if (waiting_) {
      waiting_ = false;
    } else {
      const bool ran_before = only_consumers && !link.is_consumers;
      const bool skips = ran_before || is_filtered_out(chain, link);
      if (awaits_body(state())) {  // the filter asked: it is evaluated again
        step_ = read_body_fields(state());
        if (step_.done()) continue;
        step_.notify(on_done, context);
        return Result::kWait;
      }
      if (skips) {
        if (!ran_before && link.conf->kind().info().is_auth) drop_claimed_identity(state());
        ++at_;
        continue;
      }
      step_ = start(link, phase);
      if (!step_.done()) {
        step_.notify(on_done, context);
        waiting_ = true;
        return Result::kWait;
      }
    }
    ++at_;
    if (DebugTrace* trace = find_trace(state()))
      trace->on_hook_done(*link.conf, phase, step_.outcome(), state());
    if (apply_outcome(link, step_.outcome()) == Result::kRespond) {
      at_ = 0;
      return Result::kRespond;
    }
  }
  at_ = 0;
  return Result::kPass;
}

Step ChainRun::start(const Chain::Link& link, Phase phase) {
  if (DebugTrace* trace = find_trace(state())) trace->on_hook(*link.conf, phase, state());
  Plugin& plugin = *link.plugin;
  return phase == Phase::kRewrite  ? plugin.rewrite(request_)
         : phase == Phase::kAccess ? plugin.access(request_)
                                   : plugin.before_proxy(request_);
}

// The configured response in its place, so that a client cannot guess what went wrong.
ChainRun::Result ChainRun::apply_outcome(const Chain::Link& link, Outcome outcome) {
  if (outcome == Outcome::kPass) return Result::kPass;
  DirectResponse& response = state().direct_response;
  if (response.status >= 400) {
    log_warn(request_, "{} exits with http status code {}", link.conf->kind().info().name, response.status);
    if (!link.conf->error_response().empty()) {
      response.body = state().arena.copy(link.conf->error_response());
      response.is_error_page = false;
      response.content_type = link.conf->error_response_is_json() ? "application/json" : "text/plain";
    }
  }
  return Result::kRespond;
}

bool ChainRun::asks_filter_out(const Chain& chain, const Chain::Link& link) {
  const bool is_global = &chain == global_.get();
  if (is_global && link.conf->kind().info().prefers_route && route_ && route_->contains(link.conf->kind()))
    return true;
  const route::MatchRule* filter = link.conf->filter();
  if (filter == nullptr) return false;
  std::uint8_t*& results = is_global ? global_filters_ : route_filters_;
  if (results == nullptr) {
    results = static_cast<std::uint8_t*>(state().arena.allocate(chain.size(), 1));
    std::memset(results, kFilterNotAsked, chain.size());
  }
  std::uint8_t& result = results[link.index];
  if (result == kFilterNotAsked) {
    Variables variables(request_);
    // A filter that could not be decided must not take a plugin out that protects something.
    const bool runs = filter->decide(variables) != route::MatchRule::Verdict::kNo;
    if (awaits_body(state())) return !runs;  // not to be remembered
    result = runs ? kFilterPasses : kFilterSkips;
  }
  return result == kFilterSkips;
}

template <typename Call>
void ChainRun::run_plain(Phase phase, Call&& call) {
  for (const base::Ref<const Chain>* of : {&global_, &route_}) {
    const base::Ref<const Chain>& chain = *of;
    if (!chain) continue;
    for (const Chain::Link* link : chain->hooks(phase)) {
      if (is_filtered_out(*chain, *link)) continue;
      DebugTrace* trace = find_trace(state());
      if (trace != nullptr) trace->on_hook(*link->conf, phase, state());
      call(*link->plugin);
      if (trace != nullptr) trace->on_hook_done(*link->conf, phase, Outcome::kPass, state());
    }
  }
}

void ChainRun::filter_header() {
  run_plain(Phase::kHeaderFilter, [this](Plugin& plugin) { plugin.header_filter(request_); });
}

// False: the piece, or the whole body, ends here. Behind a filter that keeps all of a piece the others have
// nothing to do: so nothing is written before the body that it holds.
bool ChainRun::run_body_filters(Phase phase, Body& body, bool may_change, BodyHook hook) {
  const void* from = body.is_unfinished() ? body.resume() : nullptr;
  bool is_kept = false;
  run_plain(phase, [&](Plugin& plugin) {
    if (from != nullptr && from != &plugin) return;
    if (is_kept || body.is_broken()) return;
    const bool had_work = std::exchange(from, nullptr) != nullptr || !body.is_nothing();
    (plugin.*hook)(request_, body);
    body.end_filter(may_change, &plugin);
    is_kept = had_work && body.is_nothing();
  });
  return !is_kept && !body.is_broken();
}

bool ChainRun::filters_request_body() {
  for (const base::Ref<const Chain>* of : {&global_, &route_}) {
    const Chain* chain = of->get();
    if (chain == nullptr) continue;
    for (const Chain::Link* link : chain->hooks(Phase::kRequestBodyFilter)) {
      if (!is_filtered_out(*chain, *link)) return true;
    }
  }
  return false;
}

// The upstream was not promised a length: each may change it.
void ChainRun::filter_request_body(Body& body) {
  run_body_filters(Phase::kRequestBodyFilter, body, /*may_change=*/true, &Plugin::request_body_filter);
}

void ChainRun::filter_body(Body& body) {
  const bool may_change = state().response.body_changes;
  if (!run_body_filters(Phase::kBodyFilter, body, may_change, &Plugin::body_filter)) return;
  run_plain(Phase::kDelayedBodyFilter, [&](Plugin& plugin) {
    plugin.delayed_body_filter(request_, body);
    body.end_filter(may_change);
  });
}

void ChainRun::log() {
  run_plain(Phase::kLog, [this](Plugin& plugin) { plugin.log(request_); });
}

}  // namespace apisix::plugin
