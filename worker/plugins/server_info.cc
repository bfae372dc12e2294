// server-info: a switch. While it is enabled the Control API describes this instance, at /v1/server_info.
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

class ServerInfo final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "server-info", .priority = 990, .is_global = true};
  explicit ServerInfo(const plugin::Conf&) {}
};

}  // namespace

const plugin::PluginKind& server_info = plugin::define<ServerInfo>();

}  // namespace apisix::plugins
