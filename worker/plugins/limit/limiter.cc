#include "worker/plugins/limit/limiter.h"

namespace apisix::plugins {

RuleKey::RuleKey(const plugin::Conf& conf, bool is_only) {
  if (is_only) {
    key_.emplace(conf.text("key_type"), conf.text("key"));
  } else {
    text_ = plugin::Template(conf.text("key"));
  }
}

std::optional<std::string_view> RuleKey::of(plugin::Request& request) const {
  if (key_) return key_->of(request);
  const auto expanded = text_.expand(request, {});
  if (expanded.resolved == 0) return std::nullopt;
  return expanded.text;
}

}  // namespace apisix::plugins
