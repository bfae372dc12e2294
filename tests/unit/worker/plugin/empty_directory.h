// Deps of plugins that look nothing up.
#pragma once

#include "shared/event/loop.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::plugin {

class NoConsumers final : public ConsumerDirectory {
 public:
  base::Ref<const ConsumerAuth> find(std::string_view, std::string_view) override { return nullptr; }
  bool has_any(std::string_view) const override { return false; }
  base::Ref<const Consumer> find_by_name(std::string_view) override { return nullptr; }
};

class NoDirectory final : public Directory {
 public:
  base::Ref<const Metadata> metadata(std::string_view) override { return nullptr; }
  base::Ref<UpstreamHandle> upstream_by_id(std::string_view) override { return nullptr; }
  base::Result<base::Ref<UpstreamHandle>> make_upstream(const std::string&, const Json&) override {
    return base::invalid("none here");
  }
  const PluginSet& plugins() const override { return plugins_; }

 private:
  PluginSet plugins_{{}, {}};
};

}  // namespace apisix::plugin
