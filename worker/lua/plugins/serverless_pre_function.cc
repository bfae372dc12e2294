// serverless-pre-function: see serverless.h.
#include "worker/lua/plugins/serverless.h"

namespace apisix::plugins {
namespace {

class ServerlessPreFunction final : public lua::Serverless {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "serverless-pre-function", .priority = 10000};

  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    auto parts = read(conf, context);
    if (!parts) return std::unexpected(parts.error());
    return base::Ref<plugin::Plugin>(new ServerlessPreFunction(std::move(*parts)));
  }

 private:
  explicit ServerlessPreFunction(Parts parts) : Serverless(std::move(parts)) {}
};

}  // namespace

const plugin::PluginKind& serverless_pre_function = plugin::define<ServerlessPreFunction>();

}  // namespace apisix::plugins
