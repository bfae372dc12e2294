// Plugin: the contract. One object per configuration of a plugin in one resource (route, service, consumer,
// global rule ...): built once from validated JSON, immutable, shared by all requests and all chains that use
// that configuration. A hook reads members, never JSON.
//
//   rewrite, access, before_proxy   may wait (co_await) and may respond: they return Step
//   request_body_filter, header_filter, body_filter, delayed_body_filter, log   may do neither: they return
//   nothing
//
// What a hook must know of the request is in Request (request.h); what a plugin shares with others of its
// worker is in Deps (deps.h). State of one request lives in the request: Request::state<T>(this).
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "shared/async/step.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/plugin/body.h"
#include "worker/plugin/conf.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/plugin_kind.h"
#include "worker/plugin/request.h"

namespace apisix::plugin {

using async::Outcome;
using async::pass;
using async::Step;
using format::Json;

class Plugin : public base::Counted<Plugin> {
 public:
  Plugin() = default;
  virtual ~Plugin() = default;

  // Does this one take part in the phase? Asked when a chain is made, for phases that its kind has.
  virtual bool has(Phase phase) const { return true; }
  // As PluginInfo::upstream_headers, for names that the configuration says. The names belong to the plugin.
  virtual std::span<const std::string> upstream_headers() const { return {}; }

  // In the order in which a request meets them.
  virtual Step rewrite(Request& request) { return pass(); }
  virtual Step access(Request& request) { return pass(); }
  // The node is picked, the headers for it are not written yet.
  virtual Step before_proxy(Request& request) { return pass(); }
  // Each piece of the request's body on its way to the upstream, last() on the final one (which may be
  // empty); also of a body that was read before, or replaced. Not on a request without a body. What goes out
  // of it is kept for retries: no piece comes twice.
  virtual void request_body_filter(Request& request, Body& body) {}
  // On every response, the gateway's own included; its header fields may still be changed. A plugin that will
  // change the body says so here: Response::will_change_body().
  virtual void header_filter(Request& request) {}
  // Each piece of the body as it comes, last() on the final one (which may be empty).
  virtual void body_filter(Request& request, Body& body) {}
  // After all body_filter hooks: for plugins that read what the client will get.
  virtual void delayed_body_filter(Request& request, Body& body) {}
  // Always runs, also when the client disconnected or the response broke off.
  virtual void log(Request& request) {}
};

namespace detail {

template <typename Member>
struct ClassOf;
template <typename Class, typename Return, typename... Args>
struct ClassOf<Return (Class::*)(Args...)> {
  using type = Class;
};
// T::hook is T's own, or a base's other than the contract's empty one.
template <typename Member, typename Contract = Plugin>
inline constexpr bool is_overridden = !std::is_same_v<typename ClassOf<Member>::type, Contract>;

template <typename T>
constexpr std::uint32_t hooks_of() {
  const auto bit = [](bool on, Phase phase) { return on ? 1u << static_cast<unsigned>(phase) : 0u; };
  return bit(is_overridden<decltype(&T::rewrite)>, Phase::kRewrite) |
         bit(is_overridden<decltype(&T::access)>, Phase::kAccess) |
         bit(is_overridden<decltype(&T::before_proxy)>, Phase::kBeforeProxy) |
         bit(is_overridden<decltype(&T::request_body_filter)>, Phase::kRequestBodyFilter) |
         bit(is_overridden<decltype(&T::header_filter)>, Phase::kHeaderFilter) |
         bit(is_overridden<decltype(&T::body_filter)>, Phase::kBodyFilter) |
         bit(is_overridden<decltype(&T::delayed_body_filter)>, Phase::kDelayedBodyFilter) |
         bit(is_overridden<decltype(&T::log)>, Phase::kLog);
}

}  // namespace detail

// The kind of plugin whose instances are Ts.
template <typename T>
class NativeKind : public PluginKind {
 public:
  constexpr NativeKind() : NativeKind(0) {}

  std::string_view schemas() const override { return find_plugin_schema(T::kInfo.name); }

  base::Result<base::Ref<Plugin>> build(const Json& conf, const BuildContext& context) const override {
    const Conf view(conf);
    // A plugin whose construction can fail (files, keys) has a static make(); the route then fails closed.
    if constexpr (requires { T::make(view, context); }) {
      return T::make(view, context);
    } else if constexpr (std::constructible_from<T, const Conf&, const BuildContext&>) {
      return base::Ref<Plugin>(new T(view, context));
    } else {
      return base::Ref<Plugin>(new T(view));
    }
  }

  base::Status check(Json& conf, ConfScope scope, const PluginSet& plugins) const override {
    if constexpr (requires { T::check(Conf(conf)); }) {
      return T::check(Conf(conf));
    } else if constexpr (requires { T::check(conf, scope, plugins); }) {
      return T::check(conf, scope, plugins);
    } else if constexpr (requires { T::check(conf, scope); }) {
      return T::check(conf, scope);
    } else {
      return {};
    }
  }

  base::Status check_written(const Json& conf) const override {
    if constexpr (requires { T::check_written(conf); }) return T::check_written(conf);
    return {};
  }

  std::string rephrase(const Json& conf, std::string_view fault) const override {
    if constexpr (requires { T::rephrase(conf, fault); }) return T::rephrase(conf, fault);
    return std::string(fault);
  }

  std::span<const PublicApi> public_apis() const override {
    if constexpr (requires { T::kPublicApis; }) return T::kPublicApis;
    return {};
  }
  std::span<const ControlApi> control_apis() const override {
    if constexpr (requires { T::kControlApis; }) return T::kControlApis;
    return {};
  }

 protected:
  constexpr explicit NativeKind(std::uint32_t stream_hooks)
      : PluginKind(T::kInfo, detail::hooks_of<T>(), stream_hooks) {}
};

template <typename T>
inline constexpr NativeKind<T> kNativeKind;

// T has: static constexpr PluginInfo kInfo, and a constructor from (const Conf&) or (const Conf&, const
// BuildContext&), or a static make() that may fail. It may have: static base::Status check(const Conf&), or
// check(Json&, ConfScope) for one that looks at the scope or fills in defaults, with a const PluginSet& as
// third parameter or not; check_written() and rephrase() as in PluginKind; static constexpr arrays
// kPublicApis and kControlApis. The hooks that it overrides are found here, at compile time.
template <typename T>
constexpr const PluginKind& define() {
  return kNativeKind<T>;
}

}  // namespace apisix::plugin
