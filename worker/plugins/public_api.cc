// public-api: makes an API that a plugin offers (metrics, for instance) reachable on a route.
#include <string>

#include "worker/plugin/plugin.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::plugins {
namespace {

class PublicApi final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "public-api", .priority = 501};

  PublicApi(const plugin::Conf& conf, const plugin::BuildContext& context)
      : deps_(context.deps), uri_(conf.text("uri")) {}

  plugin::Step access(plugin::Request& request) override {
    const std::string_view uri = uri_.empty() ? request.path() : std::string_view(uri_);
    const plugin::PublicApi* api =
        deps_.directory.plugins().find_public_api(request.method(), uri, deps_.plugin_attr);
    if (api == nullptr) return request.reject_page(404);
    return api->serve(request, deps_);
  }

 private:
  plugin::Deps& deps_;
  const std::string uri_;
};

}  // namespace

const plugin::PluginKind& public_api = plugin::define<PublicApi>();

}  // namespace apisix::plugins
