// client-control: the longest request body that this route takes, instead of client_max_body_size.
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class ClientControl final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "client-control", .priority = 22000};

  explicit ClientControl(const Json& conf)
      : is_set_(find_member(conf, "max_body_size").isUInt64()),
        body_bytes_max_(is_set_ ? format::clamped<std::uint64_t>(find_member(conf, "max_body_size")) : 0) {}

  plugin::Step rewrite(plugin::Request& request) override {
    if (!is_set_) return plugin::pass();
    if (body_bytes_max_ != 0 && request.head->content_length > body_bytes_max_)
      return request.reject_page(413);
    request.body_bytes_max = body_bytes_max_;
    return plugin::pass();
  }

 private:
  const bool is_set_;
  const std::uint64_t body_bytes_max_;  // 0: no limit
};

}  // namespace

const plugin::PluginKind& client_control = plugin::define<ClientControl>();

}  // namespace apisix::plugins
