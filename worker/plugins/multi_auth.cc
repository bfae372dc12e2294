// multi-auth: tries several auth plugins in their order; the first that knows the client decides.
#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/plugin_conf.h"
#include "worker/plugin/plugin_set.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

base::Status check_entry(const std::string& name, Json& conf, const plugin::PluginSet& plugins) {
  const plugin::PluginKind* kind = plugins.find(name);
  if (kind == nullptr) return base::invalid(name + " plugin did not found");
  if (!kind->info().is_auth) return base::invalid(name + " plugin is not supported");
  if (auto status = plugins.check_nested(*kind, conf); !status) {
    return base::invalid("plugin " + name + " check schema failed: " + status.error().what);
  }
  return {};
}

class MultiAuth final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "multi-auth", .priority = 2600, .is_auth = true};

  static base::Status check(Json& conf, plugin::ConfScope, const plugin::PluginSet& plugins) {
    Json& entries = conf["auth_plugins"];
    for (Json& entry : entries) {
      if (!entry.isObject()) return base::invalid("an element of auth_plugins is no object of plugins");
      for (const std::string& name : entry.getMemberNames()) {
        if (auto status = check_entry(name, entry[name], plugins); !status) return status;
      }
    }
    return {};
  }

  // Fails when a plugin that was there when it was configured is not enabled any more.
  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    auto made = base::make_counted<MultiAuth>();
    const plugin::PluginSet& plugins = context.deps.directory.plugins();
    for (const Json& entry : conf.json("auth_plugins")) {
      for (const std::string& name : entry.getMemberNames()) {
        const plugin::PluginKind* kind = plugins.find(name);
        if (kind == nullptr) return base::invalid(name + " plugin did not found");
        auto tried = base::make_counted<plugin::PluginConf>(*kind, entry[name], std::string(context.resource),
                                                            context.version);
        auto built = tried->plugin(context.deps);
        if (!built) return std::unexpected(built.error());
        made->add(std::move(tried), std::move(*built));
      }
    }
    return base::Ref<plugin::Plugin>(made.get());
  }

  // Of all that it tries.
  std::span<const std::string> upstream_headers() const override { return upstream_headers_; }

  plugin::Step rewrite(plugin::Request& request) override {
    request.identity().set_tried(true);
    std::vector<std::string> failures;
    for (const Tried& tried : tried_) {
      if (co_await tried.plugin->rewrite(request) == plugin::Outcome::kPass) {
        request.identity().set_tried(false);
        // The challenges of those before it.
        request.response().remove_header("WWW-Authenticate");
        co_return plugin::Outcome::kPass;
      }
      failures.push_back(fmt::format("{} failed to authenticate the request, code: {}. error: {}",
                                     tried.conf->kind().info().name, request.response().rejection().status,
                                     request.identity().failure()));
    }
    request.identity().set_tried(false);
    for (const std::string& failure : failures) plugin::log_warn(request, "{}", failure);
    co_return request.reject_message(401, "Authorization Failed");
  }

 private:
  struct Tried {
    base::Ref<plugin::PluginConf> conf;
    base::Ref<plugin::Plugin> plugin;
  };

  void add(base::Ref<plugin::PluginConf> conf, base::Ref<plugin::Plugin> plugin) {
    for (const std::string_view name : conf->kind().info().upstream_headers)
      upstream_headers_.emplace_back(name);
    std::ranges::copy(plugin->upstream_headers(), std::back_inserter(upstream_headers_));
    tried_.push_back({std::move(conf), std::move(plugin)});
  }

  std::vector<Tried> tried_;
  std::vector<std::string> upstream_headers_;
};

}  // namespace

const plugin::PluginKind& multi_auth = plugin::define<MultiAuth>();

}  // namespace apisix::plugins
