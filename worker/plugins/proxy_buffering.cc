// proxy-buffering: asks for responses to be passed on as they come. That is all that this gateway does: it
// gathers no response in memory or in files, so there is nothing to switch off.
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

class ProxyBuffering final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "proxy-buffering", .priority = 21991};

  explicit ProxyBuffering(const plugin::Conf&) {}
};

}  // namespace

const plugin::PluginKind& proxy_buffering = plugin::define<ProxyBuffering>();

}  // namespace apisix::plugins
