// Plugin: the contract. One object per configuration of a plugin in one resource (route, service, consumer,
// global rule ...): built once from validated JSON, immutable, shared by all requests and all chains that use
// that configuration. A hook reads members, never JSON.
//
//   rewrite, access, before_proxy   may wait (co_await) and may answer: they return Step
//   header_filter, body_filter, delayed_body_filter, log   may do neither: they return nothing
//
// What a hook must know of the request is in Request (request.h); what a plugin shares with others of its
// worker is in World (world.h). State of one request lives in the request: Request::state<T>(this).
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
#include "worker/plugin/request.h"
#include "worker/plugin/world.h"

namespace apisix::plugin {

using async::Outcome;
using async::pass;
using async::Step;
using format::Json;

enum class Phase : std::uint8_t {
  kRewrite,
  kAccess,
  kBeforeProxy,
  kHeaderFilter,
  kBodyFilter,
  kDelayedBodyFilter,
  kLog
};
inline constexpr std::size_t kPhaseCount = 7;
std::string_view name_of(Phase phase);  // "header_filter"

class Plugin : public base::Counted<Plugin> {
 public:
  Plugin() = default;
  virtual ~Plugin() = default;

  // In the order in which a request meets them.
  virtual Step rewrite(Request& request) { return pass(); }
  virtual Step access(Request& request) { return pass(); }
  // The node is picked, the headers for it are not written yet.
  virtual Step before_proxy(Request& request) { return pass(); }
  // On every answer, the gateway's own included; response.headers may still be changed. Whoever will change
  // the body says so here: Request::will_change_body().
  virtual void header_filter(Request& request) {}
  // Each piece of the body as it comes, last() on the final one (which may be empty).
  virtual void body_filter(Request& request, Body& body) {}
  // After all body_filter hooks: for whoever wants to see what the client will get.
  virtual void delayed_body_filter(Request& request, Body& body) {}
  // Always runs, also when the client went away or the answer broke off.
  virtual void log(Request& request) {}
};

// What is known of a plugin before any of it is configured.
struct PluginInfo {
  std::string_view name;
  int priority = 0;
  double version = 0.1;
  // Identifies consumers: its configuration in a consumer or credential is matched against consumer_schema.
  bool is_auth = false;
  // Of an auth plugin: the member of the consumer's configuration that requests are matched by; empty: none.
  std::string_view consumer_key = {};
  // In a global rule it does not run when the matched route configures it too.
  bool prefers_route = false;
  // Works for the whole gateway once it is enabled: it is configured by its metadata and plugin_attr, not on
  // routes.
  bool is_global = false;
};

// Where a configuration stands, which decides the schema that it must match.
enum class ConfScope : std::uint8_t { kResource, kConsumer, kMetadata };

class PluginSet;
// An API that a plugin offers to clients. It is reachable only where a route's public-api plugin says so.
struct PublicApi {
  std::string_view method;
  std::string_view path;
  Step (*serve)(Request& request, World& world);
  std::string_view path_attr = {};  // the member of plugin_attr.NAME that is the path instead, when it is set
};

// An endpoint that a plugin offers to operators: the Control API has it while the plugin is enabled.
struct ControlReply {
  int status = 200;
  std::string content_type;
  std::string body;
};
struct ControlApi {
  std::string_view method;
  std::string_view path;  // "/v1/plugin/NAME/..."
  ControlReply (*serve)(std::string_view query, World& world);
};

// One row of the catalog; made by define<T>().
struct PluginDef {
  PluginInfo info;
  std::uint32_t hooks = 0;  // bit (1 << Phase)
  base::Result<base::Ref<Plugin>> (*build)(const Json& conf, const BuildContext& context) = nullptr;
  // Rules that a schema cannot tell; the text follows "failed to check the configuration of plugin x err: ".
  // May fill defaults. Null: none. `plugins`: for a plugin that is configured with other plugins.
  base::Status (*check)(Json& conf, ConfScope scope, const PluginSet& plugins) = nullptr;
  // Rules that hold for what is being written, against what else there is; what is stored already is not
  // refused by them. Runs before `check`. Null: none.
  base::Status (*check_written)(const Json& conf) = nullptr;
  // Another text for the schema's fault, where APISIX has one of the plugin's own. Null: none.
  std::string (*rephrase)(const Json& conf, std::string_view fault) = nullptr;
  std::span<const PublicApi> public_apis;
  std::span<const ControlApi> control_apis;

  bool has(Phase phase) const { return (hooks >> static_cast<unsigned>(phase) & 1) != 0; }
};

namespace detail {

template <typename Member>
struct ClassOf;
template <typename Class, typename Return, typename... Args>
struct ClassOf<Return (Class::*)(Args...)> {
  using type = Class;
};
// T::hook is T's own, or a base's other than Plugin's empty one.
template <typename Member>
inline constexpr bool is_overridden = !std::is_same_v<typename ClassOf<Member>::type, Plugin>;

template <typename T>
constexpr std::uint32_t hooks_of() {
  const auto bit = [](bool on, Phase phase) { return on ? 1u << static_cast<unsigned>(phase) : 0u; };
  return bit(is_overridden<decltype(&T::rewrite)>, Phase::kRewrite) |
         bit(is_overridden<decltype(&T::access)>, Phase::kAccess) |
         bit(is_overridden<decltype(&T::before_proxy)>, Phase::kBeforeProxy) |
         bit(is_overridden<decltype(&T::header_filter)>, Phase::kHeaderFilter) |
         bit(is_overridden<decltype(&T::body_filter)>, Phase::kBodyFilter) |
         bit(is_overridden<decltype(&T::delayed_body_filter)>, Phase::kDelayedBodyFilter) |
         bit(is_overridden<decltype(&T::log)>, Phase::kLog);
}

template <typename T>
base::Result<base::Ref<Plugin>> build(const Json& conf, const BuildContext& context) {
  // A plugin whose construction can fail (files, keys) has a static make(); the route then fails closed.
  if constexpr (requires { T::make(conf, context); }) {
    return T::make(conf, context);
  } else if constexpr (std::constructible_from<T, const Json&, const BuildContext&>) {
    return base::Ref<Plugin>(new T(conf, context));
  } else {
    return base::Ref<Plugin>(new T(conf));
  }
}

template <typename T>
base::Status check(Json& conf, ConfScope scope, const PluginSet& plugins) {
  if constexpr (requires { T::check(conf, scope, plugins); }) {
    return T::check(conf, scope, plugins);
  } else if constexpr (requires { T::check(conf, scope); }) {
    return T::check(conf, scope);
  } else {
    return {};
  }
}

}  // namespace detail

// T has: static constexpr PluginInfo kInfo; a constructor from (const Json&) or (const Json&, const
// BuildContext&), or a static make(); perhaps static base::Status check(Json& conf, ConfScope scope), with a
// const PluginSet& as third parameter or not, check_written(const Json& conf) and rephrase(); perhaps a
// static constexpr array kPublicApis or kControlApis. The hooks that it overrides are found here, at compile
// time: one that it does not have is in no chain.
template <typename T>
constexpr PluginDef define() {
  PluginDef def{.info = T::kInfo,
                .hooks = detail::hooks_of<T>(),
                .build = &detail::build<T>,
                .check = &detail::check<T>,
                .check_written = nullptr,
                .rephrase = nullptr,
                .public_apis = {},
                .control_apis = {}};
  if constexpr (requires { T::kPublicApis; }) def.public_apis = T::kPublicApis;
  if constexpr (requires { T::kControlApis; }) def.control_apis = T::kControlApis;
  if constexpr (requires(const Json& conf) { T::check_written(conf); }) def.check_written = &T::check_written;
  if constexpr (requires(const Json& conf) { T::rephrase(conf, ""); }) def.rephrase = &T::rephrase;
  return def;
}

}  // namespace apisix::plugin
