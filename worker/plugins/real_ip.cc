// real-ip: takes the client's address from a variable (a header field, a query argument) when the peer may
// say so.
#include <optional>
#include <string>
#include <vector>

#include "shared/base/cidr_set.h"
#include "shared/base/text.h"
#include "worker/plugin/forwarded_address.h"
#include "worker/plugin/log_text.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/variables.h"

namespace apisix::plugins {
namespace {

class RealIp final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "real-ip", .priority = 23000};

  static base::Status check(const plugin::Conf& conf) {
    base::CidrSet unused;
    for (const std::string& network : conf.list("trusted_addresses")) {
      if (auto status = unused.add(network); !status) return status;
    }
    return {};
  }

  explicit RealIp(const plugin::Conf& conf)
      : source_(route::VariableName::parse(conf.text("source"))),
        from_forwarded_for_(conf.text("source") == "http_x_forwarded_for"),
        recursive_(conf.flag("recursive")) {
    for (const std::string& network : conf.list("trusted_addresses")) {
      static_cast<void>(trusted_.add(network));  // valid: check()
    }
  }

  plugin::Step rewrite(plugin::Request& request) override {
    if (!trusted_.empty() && !trusted_.contains(request.client().ip())) return plugin::pass();
    plugin::Variables variables(request);
    const auto value = variables.read(source_);
    if (!value || value->empty()) {
      plugin::log_warn(request, "missing real address");
      return plugin::pass();
    }
    const std::string_view text = from_forwarded_for_ ? last_of(*value) : *value;
    const auto address = plugin::parse_forwarded_address(text);
    if (!address) {
      std::string escaped;
      plugin::append_escaped(escaped, text.substr(0, plugin::kLogTextBytesMax));
      plugin::log_warn(request, "bad address: {}", escaped);
      return plugin::pass();
    }
    request.client().set_address(address->ip, address->port.value_or(request.client().port()));
    return plugin::pass();
  }

 private:
  // The end of the list; with `recursive` the last one that is not a trusted proxy.
  std::string_view last_of(std::string_view list) const {
    for (;;) {
      const auto comma = list.rfind(',');
      const std::string_view last =
          base::trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
      if (!recursive_ || trusted_.empty() || comma == std::string_view::npos) return last;
      const auto address = plugin::parse_forwarded_address(last);
      if (!address || !trusted_.contains(address->ip)) return last;
      list = list.substr(0, comma);
    }
  }

  const route::VariableName source_;
  base::CidrSet trusted_;  // empty: all
  const bool from_forwarded_for_;
  const bool recursive_;
};

}  // namespace

const plugin::PluginKind& real_ip = plugin::define<RealIp>();

}  // namespace apisix::plugins
