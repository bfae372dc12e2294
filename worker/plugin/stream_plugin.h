// StreamPlugin: the contract of a plugin for sessions of TCP and UDP routes. One object per configuration of
// the plugin in one resource (stream route, service): built once from validated JSON, immutable, shared by
// all sessions. A plugin may have both forms; name, priority and `_meta` are the same for both.
//
//   preread   the route is known, no node is picked yet: may wait (co_await), may refuse the session
//   log       the session is over, however it ended
#pragma once

#include <concepts>
#include <cstdint>

#include "shared/async/step.h"
#include "shared/base/counted.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/stream_session.h"

namespace apisix::plugin {

class StreamPlugin : public base::Counted<StreamPlugin> {
 public:
  StreamPlugin() = default;
  virtual ~StreamPlugin() = default;

  virtual Step preread(StreamSession& session) { return pass(); }
  virtual void log(StreamSession& session) {}
  // As Plugin::has().
  virtual bool has(StreamPhase phase) const { return true; }
};

namespace detail {

template <typename S>
constexpr std::uint32_t stream_hooks_of() {
  const auto bit = [](bool on, StreamPhase phase) { return on ? 1u << static_cast<unsigned>(phase) : 0u; };
  return bit(is_overridden<decltype(&S::preread), StreamPlugin>, StreamPhase::kPreread) |
         bit(is_overridden<decltype(&S::log), StreamPlugin>, StreamPhase::kLog);
}

}  // namespace detail

// The kind of plugin whose instances are Ts for requests and Ss for sessions.
template <typename T, typename S>
class TwoFormKind final : public NativeKind<T> {
 public:
  constexpr TwoFormKind() : NativeKind<T>(detail::stream_hooks_of<S>()) {}

  base::Result<base::Ref<StreamPlugin>> build_stream(const Json& conf,
                                                     const BuildContext& context) const override {
    const Conf view(conf);
    if constexpr (requires { S::make(view, context); }) {
      return S::make(view, context);
    } else if constexpr (std::constructible_from<S, const Conf&, const BuildContext&>) {
      return base::Ref<StreamPlugin>(new S(view, context));
    } else {
      return base::Ref<StreamPlugin>(new S(view));
    }
  }

  base::Status check(Json& conf, ConfScope scope, const PluginSet& plugins) const override {
    if constexpr (requires { S::check(Conf(conf)); }) {
      if (scope == ConfScope::kStream) return S::check(Conf(conf));
    }
    return NativeKind<T>::check(conf, scope, plugins);
  }
};

template <typename T, typename S>
inline constexpr TwoFormKind<T, S> kTwoFormKind;

// As define<T>() of plugin.h, for a plugin that also has a form for sessions. S has a constructor from (const
// Conf&) or (const Conf&, const BuildContext&), or a static make() that may fail. It may have: static
// base::Status check(const Conf&), where T's is not the right one.
template <typename T, typename S>
constexpr const PluginKind& define() {
  return kTwoFormKind<T, S>;
}

}  // namespace apisix::plugin
