// serverless-post-function: see serverless.h.
#include "worker/lua/plugins/serverless.h"

namespace apisix::plugins {
namespace {

class ServerlessPostFunction final : public lua::Serverless {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "serverless-post-function", .priority = -2000};

  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    auto parts = read(conf, context);
    if (!parts) return std::unexpected(parts.error());
    return base::Ref<plugin::Plugin>(new ServerlessPostFunction(std::move(*parts)));
  }

 private:
  explicit ServerlessPostFunction(Parts parts) : Serverless(std::move(parts)) {}
};

}  // namespace

const plugin::PluginKind& serverless_post_function = plugin::define<ServerlessPostFunction>();

}  // namespace apisix::plugins
