// Consumers as requests know them. A consumer is found by an auth plugin through the value of that plugin's
// consumer_key (key-auth: "key"); its plugins are then merged over the route's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"
#include "shared/format/json.h"
#include "worker/plugin/plugin_confs.h"

namespace apisix::plugin {

// One version of a consumer object; a change makes another.
struct Consumer : base::Counted<Consumer> {
  Consumer();
  ~Consumer();

  std::string username;
  std::string group_id;   // empty: none
  std::string custom_id;  // labels.custom_id; empty: none
  format::Json labels;
  PluginConfs plugins;                // without those of auth plugins
  std::vector<std::string> disabled;  // plugins that _meta.disable turns off
};

// What an auth plugin makes of a consumer's configuration of it, once (keys that are parsed).
struct PreparedAuth {
  virtual ~PreparedAuth() = default;
};

// What an auth plugin matched: a consumer's own configuration of that plugin, or a credential's.
struct ConsumerAuth : base::Counted<ConsumerAuth> {
  base::Ref<const Consumer> consumer;
  std::string credential_id;  // empty: the consumer's own
  format::Json conf;          // of the auth plugin, decrypted, references resolved

  // `conf` as the plugin that it belongs to wants it: a T, derived from PreparedAuth, made of the conf at its
  // first use. The plugin always asks for the same T.
  template <typename T>
  const T& prepared() const {
    if (!prepared_) prepared_ = std::make_unique<const T>(conf);
    return static_cast<const T&>(*prepared_);
  }

 private:
  mutable std::unique_ptr<const PreparedAuth> prepared_;
};

class ConsumerDirectory {
 public:
  virtual ~ConsumerDirectory() = default;
  // Null when no consumer has that key. O(1).
  virtual base::Ref<const ConsumerAuth> find(std::string_view plugin, std::string_view key) = 0;
  // All that configure the plugin; for scripts, which look through them themselves.
  virtual void each(std::string_view plugin,
                    const std::function<void(const base::Ref<const ConsumerAuth>& auth)>& callback) {}
  // Grows with every change of what each() gives, a secret that a consumer refers to included.
  virtual std::uint64_t version() const { return 0; }
  // Whether any consumer configures the plugin: APISIX reports "Missing related consumer" otherwise.
  virtual bool has_any(std::string_view plugin) const = 0;
  // The object as it is stored, its plugins decrypted; null when there is none. For scripts: it is made anew.
  virtual format::Json value_of(std::string_view username) { return {}; }
  // By username, for anonymous_consumer; null when there is none.
  virtual base::Ref<const Consumer> find_by_name(std::string_view username) = 0;
};

}  // namespace apisix::plugin
