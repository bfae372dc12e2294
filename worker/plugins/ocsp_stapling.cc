// ocsp-stapling: a switch. While it is enabled certificates may have `ocsp_stapling`, and handshakes show the
// OCSP responses that worker/tls fetches for them.
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

class OcspStapling final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "ocsp-stapling", .priority = -44};
  explicit OcspStapling(const plugin::Conf&) {}
};

}  // namespace

const plugin::PluginKind& ocsp_stapling = plugin::define<OcspStapling>();

}  // namespace apisix::plugins
