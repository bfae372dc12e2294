// Deps of plugins that look nothing up but the plugins that a test names.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "shared/event/loop.h"
#include "shared/format/proto_schema.h"
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
  // `kinds` outlives it.
  explicit NoDirectory(std::span<const PluginKind* const> kinds = {}) : plugins_(kinds, names_of(kinds)) {}
  base::Ref<const Metadata> metadata(std::string_view) override { return nullptr; }
  base::Ref<UpstreamHandle> upstream_by_id(std::string_view) override { return nullptr; }
  base::Result<base::Ref<UpstreamHandle>> make_upstream(const std::string&, const format::Json&) override {
    return base::invalid("none here");
  }
  base::Result<base::Ref<const format::ProtoSchema>> proto(std::string_view id) override {
    if (!schema_) return base::invalid("failed to find proto by id: " + std::string(id));
    return schema_;
  }
  // Of every id.
  void set_proto(base::Ref<const format::ProtoSchema> schema) { schema_ = std::move(schema); }
  const PluginSet& plugins() const override { return plugins_; }

 private:
  static std::vector<std::string> names_of(std::span<const PluginKind* const> kinds) {
    std::vector<std::string> names;
    for (const PluginKind* kind : kinds) names.emplace_back(kind->info().name);
    return names;
  }

  PluginSet plugins_;
  base::Ref<const format::ProtoSchema> schema_;
};

}  // namespace apisix::plugin
