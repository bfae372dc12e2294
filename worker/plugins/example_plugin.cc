// example-plugin: shows what a plugin can do: it writes its phases to error.log and may send the request to a
// node of its own configuration.
#include <array>
#include <string>

#include "shared/base/log.h"
#include "shared/http/uri.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

// Text, or with `?json` JSON.
plugin::ControlResponse hello(std::string_view query, plugin::Deps&) {
  if (http::find_arg(query, "json")) return {200, "application/json", "{\"msg\":\"world\"}\n"};
  return {200, "text/plain", "world\n"};
}

class ExamplePlugin final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "example-plugin", .priority = 0};
  static constexpr std::array<plugin::ControlApi, 1> kControlApis = {
      {{"GET", "/v1/plugin/example-plugin/hello", &hello}}};

  ExamplePlugin(const plugin::Conf& conf, const plugin::BuildContext& context)
      : conf_(format::to_json(conf.json())), resource_(context.resource), version_(context.version) {
    const Json& attr = find_member(find_member(context.deps.plugin_attr, kInfo.name), "val");
    if (!attr.isNull()) base::log_info("example-plugin get plugin attr val: {}", format::to_json(attr));
    if (conf.has("ip")) make_upstream(conf, context);
  }

  plugin::Step rewrite(plugin::Request& request) override {
    plugin::log_warn(request, "plugin rewrite phase, conf: {}", conf_);
    plugin::log_warn(request, "conf of: {}", resource_);
    plugin::log_warn(request, "conf_version: {}", version_);
    return plugin::pass();
  }

  plugin::Step access(plugin::Request& request) override {
    plugin::log_warn(request, "plugin access phase, conf: {}", conf_);
    if (!failure_.empty()) return request.reject(500, failure_);
    if (upstream_) request.upstream().choose(upstream_);
    return plugin::pass();
  }

  void header_filter(plugin::Request& request) override {
    plugin::log_warn(request, "plugin header_filter phase, conf: {}", conf_);
  }
  void body_filter(plugin::Request& request, plugin::Body& body) override {
    plugin::log_warn(request, "plugin body_filter phase, eof: {}, conf: {}", body.last(), conf_);
  }
  void delayed_body_filter(plugin::Request& request, plugin::Body& body) override {
    plugin::log_warn(request, "plugin delayed_body_filter phase, eof: {}, conf: {}", body.last(), conf_);
  }
  void log(plugin::Request& request) override {
    plugin::log_warn(request, "plugin log phase, conf: {}", conf_);
  }

 private:
  void make_upstream(const plugin::Conf& conf, const plugin::BuildContext& context) {
    Json node(::Json::objectValue);
    node["host"] = conf.json("ip");
    node["port"] = conf.json("port");
    node["weight"] = 1;
    Json upstream(::Json::objectValue);
    upstream["type"] = "roundrobin";
    upstream["nodes"].append(node);
    auto made = context.deps.directory.make_upstream(context.conf_key(), upstream);
    if (made) {
      upstream_ = std::move(*made);
    } else {
      failure_ = made.error().what;
    }
  }

  const std::string conf_;
  const std::string resource_;
  const std::uint64_t version_;
  base::Ref<plugin::UpstreamHandle> upstream_;
  std::string failure_;  // why there is none
};

}  // namespace

const plugin::PluginKind& example_plugin = plugin::define<ExamplePlugin>();

}  // namespace apisix::plugins
