// StreamChain: the plugins that a session runs, in order: the stream route's, merged over its service's.
// Made, sorted and kept current as the chain of a request is (chain_links.h). StreamRun: how far one session
// is in it.
#pragma once

#include <cstdint>

#include "shared/async/step.h"
#include "shared/base/counted.h"
#include "worker/plugin/chain_links.h"
#include "worker/plugin/stream_plugin.h"

namespace apisix::plugin {

class StreamChain : public base::Counted<StreamChain>,
                    public ChainLinks<StreamPlugin, StreamPhase, kStreamPhaseCount> {
 public:
  // Of these only the plugins that have a form for sessions; the others are a service's for its requests.
  // `secrets` as in Chain::make(). The error names the plugin that cannot be built: sessions of the route are
  // refused then.
  static base::Result<base::Ref<const StreamChain>> make(Deps& deps, const PluginConfs& confs,
                                                         secret::SecretCache* secrets = nullptr);
};

class StreamRun {
 public:
  enum class Result : std::uint8_t { kPass, kRefuse, kWait };

  explicit StreamRun(base::Ref<const StreamChain> chain) : chain_(std::move(chain)) {}

  // Runs hooks until one waits or refuses. After kWait call it again: `on_done` was called meanwhile.
  // kRefuse: session.status says why, the session is closed.
  Result preread(StreamSession& session, void (*on_done)(void*), void* context);
  void log(StreamSession& session);
  // Drops the hook that waits.
  void cancel() { step_ = Step(Outcome::kPass); }

 private:
  bool is_filtered_out(const StreamChain::Link& link, StreamSession& session);

  base::Ref<const StreamChain> chain_;
  Step step_{Outcome::kPass};
  std::uint8_t* filters_ = nullptr;  // results of _meta.filter, once per plugin; in the arena
  std::uint16_t at_ = 0;
  bool waiting_ = false;
};

}  // namespace apisix::plugin
