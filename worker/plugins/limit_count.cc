// limit-count: a quota of requests in a window of time.
#include <memory>

#include "shared/memory/zones.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/limit/quota_limit.h"

namespace apisix::plugins {
namespace {

using format::Json;

class LimitCount final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "limit-count", .priority = 1002, .version = 0.5};

  static base::Status check(Json& conf, plugin::ConfScope scope) {
    return scope == plugin::ConfScope::kMetadata ? base::Status{} : QuotaLimit::check(conf);
  }
  static std::string rephrase(const Json& conf, std::string_view fault) {
    const bool has_both = QuotaLimit::has_both_forms(conf);
    if (has_both && fault.contains("value should match only one schema")) return QuotaLimit::kBothForms;
    return std::string(fault);
  }
  static base::Status check_written(const Json& conf) { return QuotaLimit::check_group(conf); }

  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    memory::Zones& zones = *context.deps.zones;
    auto limit = QuotaLimit::make(conf, context, {zones.limit_count, zones.limit_count_windows});
    if (!limit) return std::unexpected(limit.error());
    return base::Ref<plugin::Plugin>(new LimitCount(std::move(*limit)));
  }

  plugin::Step access(plugin::Request& request) override { return limit_->limit(request); }

 private:
  explicit LimitCount(std::unique_ptr<QuotaLimit> limit) : limit_(std::move(limit)) {}

  std::unique_ptr<QuotaLimit> limit_;
};

}  // namespace

const plugin::PluginKind& limit_count = plugin::define<LimitCount>();

}  // namespace apisix::plugins
