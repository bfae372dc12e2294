// PluginKind: what the gateway knows of a plugin before any of it is configured: name and place, schemas,
// rules, hooks, APIs, and how an instance is built. define<T>() (plugin.h) makes one of a C++ class; kinds
// that are written in other languages implement the same interface. Immutable; it lives as long as
// the process, so that everything may refer to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <json/forwards.h>

#include "shared/base/counted.h"
#include "shared/base/result.h"

namespace apisix::async {
class Step;
}

namespace apisix::plugin {

class Plugin;
class PluginSet;
class Request;
class StreamPlugin;
struct BuildContext;
struct Deps;

enum class Phase : std::uint8_t {
  kRewrite,
  kAccess,
  kBeforeProxy,
  kRequestBodyFilter,
  kHeaderFilter,
  kBodyFilter,
  kDelayedBodyFilter,
  kLog
};
inline constexpr std::size_t kPhaseCount = 8;
std::string_view name_of(Phase phase);  // "header_filter"

// Of the form for sessions of TCP and UDP routes (stream_plugin.h).
enum class StreamPhase : std::uint8_t { kPreread, kLog };
inline constexpr std::size_t kStreamPhaseCount = 2;

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
  // Header fields that it sets for the upstream and that the upstream trusts to be the gateway's. The
  // client's own fields of these names are removed before the first plugin runs; see Chain::declares(). Those
  // of the consumer (http::kConsumerFields) belong to every plugin with is_auth.
  std::span<const std::string_view> upstream_headers = {};
};

// Where a configuration stands, which decides the schema that it must match. kStream: in a stream route.
enum class ConfScope : std::uint8_t { kResource, kConsumer, kMetadata, kStream };

// An API that a plugin offers to clients. It is reachable only where a route's public-api plugin says so.
struct PublicApi {
  std::string_view method;
  std::string_view path;
  async::Step (*serve)(Request& request, Deps& deps);
  std::string_view path_attr = {};  // the member of plugin_attr.NAME that is the path instead, when it is set
};

// An endpoint that a plugin offers to operators: the Control API has it while the plugin is enabled.
struct ControlResponse {
  int status = 200;
  std::string content_type;
  std::string body;
};
struct ControlApi {
  std::string_view method;
  std::string_view path;  // "/v1/plugin/NAME/..."
  ControlResponse (*serve)(std::string_view query, Deps& deps);
};

class PluginKind {
 public:
  constexpr virtual ~PluginKind() = default;
  PluginKind(const PluginKind&) = delete;
  PluginKind& operator=(const PluginKind&) = delete;

  constexpr const PluginInfo& info() const { return info_; }
  // A hook that a plugin does not have is in no chain.
  constexpr bool has(Phase phase) const { return (hooks_ >> static_cast<unsigned>(phase) & 1) != 0; }
  constexpr bool has(StreamPhase phase) const {
    return (stream_hooks_ >> static_cast<unsigned>(phase) & 1) != 0;
  }
  // Sessions of TCP and UDP routes can run it.
  constexpr bool has_stream_form() const { return stream_hooks_ != 0; }

  // A JSON object of "schema", "consumer_schema", "metadata_schema" and "stream_schema", the last three where
  // it has them; without _meta. A form for sessions without a schema of its own has the first.
  virtual std::string_view schemas() const = 0;
  // An instance of it. `conf` has passed the schema and check(), with the schema's defaults filled in.
  virtual base::Result<base::Ref<Plugin>> build(const ::Json::Value& conf,
                                                const BuildContext& context) const = 0;
  // The same of its form for sessions; only where it has one.
  virtual base::Result<base::Ref<StreamPlugin>> build_stream(const ::Json::Value& conf,
                                                             const BuildContext& context) const;
  // Rules that a schema cannot express; the text follows "failed to check the configuration of plugin x err:
  // ". May fill defaults. `plugins`: for a plugin that is configured with other plugins.
  virtual base::Status check(::Json::Value& conf, ConfScope scope, const PluginSet& plugins) const;
  // Rules for what is being written, against what else there is; they do not reject what is already stored.
  // Runs before check().
  virtual base::Status check_written(const ::Json::Value& conf) const;
  // The schema's fault in the words of the plugin, where APISIX has such.
  virtual std::string rephrase(const ::Json::Value& conf, std::string_view fault) const;
  virtual std::span<const PublicApi> public_apis() const { return {}; }
  virtual std::span<const ControlApi> control_apis() const { return {}; }

 protected:
  // `hooks`: bit (1 << Phase); `stream_hooks`: bit (1 << StreamPhase), 0: it has no form for sessions.
  constexpr PluginKind(const PluginInfo& info, std::uint32_t hooks, std::uint32_t stream_hooks = 0)
      : info_(info), hooks_(hooks), stream_hooks_(stream_hooks) {}

 private:
  const PluginInfo info_;
  const std::uint32_t hooks_;
  const std::uint32_t stream_hooks_;
};

// What schemas() is of a native kind, as APISIX 3.18 publishes it: a file of worker/plugins/schemas, embedded
// in the binary, which also has the plugin's priority, version, type and scope; what APISIX adds to all of
// them
// (_meta) is not in the files. "" when there is none of this name.
std::string_view find_plugin_schema(std::string_view plugin);

}  // namespace apisix::plugin
