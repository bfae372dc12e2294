// limit-conn: how many requests of a key are in flight at a time.
#include <memory>

#include "shared/memory/zones.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/limit/concurrency_limit.h"

namespace apisix::plugins {
namespace {

class LimitConn final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "limit-conn", .priority = 1003};

  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    auto limit = ConcurrencyLimit::make(conf, context, context.deps.zones->limit_conn);
    if (!limit) return std::unexpected(limit.error());
    return base::Ref<plugin::Plugin>(new LimitConn(std::move(*limit)));
  }

  plugin::Step access(plugin::Request& request) override { return limit_->begin(request); }
  void log(plugin::Request& request) override { limit_->end(request); }

 private:
  explicit LimitConn(std::unique_ptr<ConcurrencyLimit> limit) : limit_(std::move(limit)) {}

  std::unique_ptr<ConcurrencyLimit> limit_;
};

}  // namespace

const plugin::PluginKind& limit_conn = plugin::define<LimitConn>();

}  // namespace apisix::plugins
