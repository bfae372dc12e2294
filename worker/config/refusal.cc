#include "worker/config/refusal.h"

#include "worker/plugin/plugin.h"

namespace apisix::config {
namespace {

class Refusal final : public plugin::Plugin {
 public:
  // Before all others.
  static constexpr plugin::PluginInfo kInfo{.name = "(cannot run)", .priority = 1'000'000};

  explicit Refusal(const plugin::Conf&) {}

  plugin::Step rewrite(plugin::Request& request) override { return request.reject_page(503); }
};

const plugin::PluginKind& refusal = plugin::define<Refusal>();

}  // namespace

void add_refusal(plugin::PluginConfs& confs, const std::string& resource) {
  confs[std::string(Refusal::kInfo.name)] = base::make_counted<plugin::PluginConf>(
      refusal, format::Json(::Json::objectValue), resource, std::uint64_t{0});
}

std::string find_missing(const plugin::PluginSet& set, const format::Json& plugins) {
  if (!plugins.isObject()) return {};
  for (auto plugin = plugins.begin(); plugin != plugins.end(); ++plugin) {
    if (set.is_missing(plugin.name()) && !plugin::is_disabled(*plugin)) return plugin.name();
  }
  return {};
}

}  // namespace apisix::config
