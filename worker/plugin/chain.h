// Chain: the plugins that a request runs, merged, in order, as one flat list per phase that holds only hooks
// that exist. Immutable and counted: a request in flight keeps the chain it started with. ChainRun: how far
// one request is in its chains.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shared/async/step.h"
#include "shared/base/counted.h"
#include "worker/plugin/body.h"
#include "worker/plugin/chain_links.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugin {

class Chain : public base::Counted<Chain>, public ChainLinks<Plugin, Phase, kPhaseCount> {
 public:
  // `without_consumer`: the configurations before the consumer was merged in; null: none was. `secrets`: what
  // references in them stand for; null only in tests that have none. The error names the plugin that cannot
  // be built: the route must then fail closed.
  static base::Result<base::Ref<const Chain>> make(Deps& deps, const PluginConfs& confs,
                                                   const PluginConfs* without_consumer = nullptr,
                                                   secret::SecretCache* secrets = nullptr);

  bool contains(const PluginKind& kind) const;
  // Some plugin of it sets this field for the upstream, or one of the route's that the consumer's
  // configuration replaces: a client may not send it, in the head or behind the body, in any case and with
  // any punctuation (http::is_same_identity()).
  bool declares(std::string_view field_name) const;
  // Takes what the client sent of these fields out of the head.
  void remove_declared(RequestState& request) const;
  // The same of the fields that no configuration of the route had declared before the consumer's were merged
  // in. What `global` declares was removed before; what stands there is the gateway's.
  void remove_consumers_declared(RequestState& request, const Chain* global) const;

  bool declares_any() const { return !declared_.empty(); }

  // Some plugin finds the consumer.
  bool authenticates() const { return authenticates_; }
  // A consumer's configuration was merged in.
  bool has_consumers() const { return has_consumers_; }

 private:
  base::Status add_all(Deps& deps, const PluginConfs& confs, const PluginConfs* without_consumer);
  void collect_declared(const PluginConfs* without_consumer);

  // The route's plugins that the consumer's configuration replaces: they do not run, their names hold.
  std::vector<base::Ref<Plugin>> replaced_;
  std::vector<std::string_view> declared_;            // by configurations of the route
  std::vector<std::string_view> consumers_declared_;  // only by those that the consumer brought
  bool authenticates_ = false;
  bool has_consumers_ = false;
};

// The two chains of one request: the global rules', then the route's. What their hooks see is its facade.
class ChainRun {
 public:
  enum class Result : std::uint8_t { kPass, kRespond, kWait };

  explicit ChainRun(RequestState& request) : request_(request) {}

  void set_global(base::Ref<const Chain> chain) { global_ = std::move(chain); }
  void set_route(base::Ref<const Chain> chain);
  const Chain* global() const { return global_.get(); }
  const Chain* route() const { return route_.get(); }
  // No plugin runs.
  bool is_empty() const { return !global_ && !route_; }
  bool has(Phase phase) const { return (global_ && global_->has(phase)) || (route_ && route_->has(phase)); }

  // Runs hooks until one waits or responds. After kWait call the same again: `on_done` was called meanwhile.
  // kRespond: RequestState::direct_response is the plugin's response.
  Result run_global(Phase phase, void (*on_done)(void*), void* context) {
    return runs_nothing(global_.get(), phase) ? Result::kPass : run(*global_, phase, false, on_done, context);
  }
  Result run_route(Phase phase, void (*on_done)(void*), void* context) {
    return runs_nothing(route_.get(), phase) ? Result::kPass : run(*route_, phase, false, on_done, context);
  }
  // The rewrite hooks of plugins that the consumer brought.
  Result run_consumers_rewrite(void (*on_done)(void*), void* context) {
    return route_->has_consumers() ? run(*route_, Phase::kRewrite, true, on_done, context) : Result::kPass;
  }

  // Both chains, global rules first.
  // Some plugin that this request runs filters the body that goes to the upstream.
  bool filters_request_body();
  // As filter_body().
  void filter_request_body(Body& body);
  void filter_header();
  // One piece; or, when some filter is not finished with the piece before (Body::is_unfinished()), its next
  // slice: `body` has no new piece then.
  void filter_body(Body& body);
  void log();

  // Does the request not run this plugin, which is of one of the two chains? Because of _meta.filter, or of a
  // global rule that gives way to the route. Asked once for each request and plugin.
  bool is_filtered_out(const Chain& chain, const Chain::Link& link) {
    return !link.always_runs && asks_filter_out(chain, link);
  }

  // For trailers, which come after the head was cleaned; see Chain::declares().
  bool declares(std::string_view field_name) const {
    return (global_ && global_->declares(field_name)) || (route_ && route_->declares(field_name));
  }

  // Drops the hook that waits.
  void cancel() { step_ = Step(Outcome::kPass); }

 private:
  // No hook, and no field that a rewrite phase would have to remove first: most phases of most requests.
  bool runs_nothing(const Chain* chain, Phase phase) const {
    if (chain == nullptr) return true;
    if (chain->has(phase)) return false;
    return phase != Phase::kRewrite ||
           !((global_ && global_->declares_any()) || (route_ && route_->declares_any()));
  }
  bool asks_filter_out(const Chain& chain, const Chain::Link& link);
  Result run(const Chain& chain, Phase phase, bool only_consumers, void (*on_done)(void*), void* context);
  Step start(const Chain::Link& link, Phase phase);
  void remove_declared(bool only_consumers);
  Result apply_outcome(const Chain::Link& link, Outcome outcome);
  template <typename Call>
  void run_plain(Phase phase, Call&& call);
  using BodyHook = void (Plugin::*)(Request& request, Body& body);
  bool run_body_filters(Phase phase, Body& body, bool may_change, BodyHook hook);
  RequestState& state() { return RequestState::of(request_); }

  Request request_;
  base::Ref<const Chain> global_;
  base::Ref<const Chain> route_;
  Step step_{Outcome::kPass};
  // Results of _meta.filter, once per request and plugin: 0 unknown, 1 runs, 2 does not. In the arena.
  std::uint8_t* global_filters_ = nullptr;
  std::uint8_t* route_filters_ = nullptr;
  std::uint16_t at_ = 0;
  bool waiting_ = false;
  bool removed_declared_ = false;            // what the client sent of declared fields
  bool removed_consumers_declared_ = false;  // the same of the consumer's plugins
};

}  // namespace apisix::plugin
