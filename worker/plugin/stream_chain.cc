#include "worker/plugin/stream_chain.h"

#include <cstring>
#include <utility>

#include "shared/base/log.h"

namespace apisix::plugin {
base::Result<base::Ref<const StreamChain>> StreamChain::make(Deps& deps, const PluginConfs& confs,
                                                             secret::SecretCache* secrets) {
  auto chain = base::make_counted<StreamChain>();
  if (secrets != nullptr) chain->refresh_secrets(confs, *secrets);
  if (chain->is_pending()) return base::Ref<const StreamChain>(chain.get());
  for (const auto& [name, conf] : confs) {
    if (!conf->kind().has_stream_form()) continue;
    if (auto added = chain->add(conf, conf->stream_plugin(deps), false); !added) {
      return std::unexpected(added.error());
    }
  }
  chain->sort();
  return base::Ref<const StreamChain>(chain.get());
}

StreamRun::Result StreamRun::preread(StreamSession& session, void (*on_done)(void*), void* context) {
  const auto& hooks = chain_->hooks(StreamPhase::kPreread);
  for (; at_ < hooks.size(); ++at_) {
    const StreamChain::Link& link = *hooks[at_];
    if (!std::exchange(waiting_, false)) {
      if (is_filtered_out(link, session)) continue;
      step_ = link.plugin->preread(session);
      if (!step_.done()) {
        step_.notify(on_done, context);
        waiting_ = true;
        return Result::kWait;
      }
    }
    if (step_.outcome() == Outcome::kPass) continue;
    base::log_warn("{} exits with status code {}, client: {}", link.conf->kind().info().name, session.status,
                   session.client.ip.to_string());
    return Result::kRefuse;
  }
  return Result::kPass;
}

void StreamRun::log(StreamSession& session) {
  for (const StreamChain::Link* link : chain_->hooks(StreamPhase::kLog)) {
    if (!is_filtered_out(*link, session)) link->plugin->log(session);
  }
}

// A filter that could not be decided must not take a plugin out that protects something.
bool StreamRun::is_filtered_out(const StreamChain::Link& link, StreamSession& session) {
  const route::MatchRule* filter = link.conf->filter();
  if (filter == nullptr) return false;
  if (filters_ == nullptr) {
    filters_ = static_cast<std::uint8_t*>(session.arena.allocate(chain_->size(), 1));
    std::memset(filters_, kFilterNotAsked, chain_->size());
  }
  std::uint8_t& result = filters_[link.index];
  if (result == kFilterNotAsked) {
    StreamVariables variables(session);
    result = filter->decide(variables) != route::MatchRule::Verdict::kNo ? kFilterPasses : kFilterSkips;
  }
  return result == kFilterSkips;
}

}  // namespace apisix::plugin
