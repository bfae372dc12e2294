// client-control: the longest request body that this route takes, instead of client_max_body_size.
#include "shared/base/text.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

class ClientControl final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "client-control", .priority = 22000};

  explicit ClientControl(const plugin::Conf& conf)
      : is_set_(conf.has("max_body_size")), body_bytes_max_(conf.number<std::uint64_t>("max_body_size")) {}

  plugin::Step rewrite(plugin::Request& request) override {
    if (!is_set_) return plugin::pass();
    if (body_bytes_max_ != 0 && request.body().announced_bytes() > body_bytes_max_)
      return request.reject_page(413);
    request.body().set_bytes_max(body_bytes_max_);
    return plugin::pass();
  }

 private:
  const bool is_set_;
  const std::uint64_t body_bytes_max_;  // 0: no limit
};

}  // namespace

const plugin::PluginKind& client_control = plugin::define<ClientControl>();

}  // namespace apisix::plugins
