// ConsumerTable: consumers and credentials, found by what auth plugins match: O(1) whatever their number, and
// a change costs what the changed object is large. Values stay JSON text until a request matches them:
// there may be a million. A configuration whose secret is not known matches no request.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/store/store.h"
#include "worker/config/id_walk.h"
#include "worker/config/references.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin_set.h"
#include "worker/secret/secret_cache.h"

namespace apisix::config {

class ConsumerTable final : public plugin::ConsumerDirectory {
 public:
  // `plugins` is replaced by set_plugins() when the list of enabled plugins changes. `references` gets to
  // know which consumer is in which group.
  ConsumerTable(const plugin::PluginSet& plugins, secret::SecretCache& secrets, References& references);
  ~ConsumerTable() override;

  // `id`: what follows "consumers/" in the store: "jack" or "jack/credentials/c1".
  base::Status put(std::string_view id, const store::Item& item);
  void erase(std::string_view id);
  void set_plugins(const plugin::PluginSet& plugins);

  // Secrets of some consumer are being read: what find() does not find may be there in a moment.
  bool has_pending();

  base::Ref<const plugin::ConsumerAuth> find(std::string_view plugin, std::string_view key) override;
  void each(std::string_view plugin,
            const std::function<void(const base::Ref<const plugin::ConsumerAuth>& auth)>& callback) override;
  std::uint64_t version() const override { return version_ + secrets_.version(); }
  format::Json value_of(std::string_view username) override;
  bool has_any(std::string_view plugin) const override;
  base::Ref<const plugin::Consumer> find_by_name(std::string_view username) override;

  // The name of the first consumer whose JSON has the text `mentions` in it and `matches`; "" when there is
  // none. Reads through all of them.
  std::string find_consumer(std::string_view mentions,
                            const std::function<bool(const format::Json&)>& matches) const;

  // Ids of consumers and credentials ("jack", "jack/credentials/c1"). False: that was all.
  bool walk_ids(IdWalk& walk) const { return config::walk_ids(objects_, walk); }
  // As stored; null when there is none.
  const std::string* text_of(std::string_view id) const;

  std::size_t size() const { return objects_.size(); }

 private:
  struct Owner;
  struct Object;
  // Of several with the same key the one that was written last counts.
  using Keys = std::unordered_multimap<std::string, Object*, base::StringHash, std::equal_to<>>;

  struct PluginKeys {
    std::string plugin;
    Keys keys;
  };

  Keys* find_keys(std::string_view plugin);
  const Keys* find_keys(std::string_view plugin) const;
  Keys& keys_of(std::string_view plugin);
  Owner& owner_of(std::string_view username);
  void leave(Owner& owner);
  base::Ref<const plugin::Consumer> current(Owner& owner);
  void index(Object& object, format::Json& plugins);
  void unindex(Object& object);
  // As stored, decrypted.
  format::Json plugins_of(const Object& object) const;
  // Indexes anew what refers to secrets that have changed.
  void follow_secrets();

  const plugin::PluginSet* plugins_;
  secret::SecretCache& secrets_;
  References& references_;
  std::unordered_set<Object*> with_secrets_;
  std::uint64_t secrets_version_ = 0;  // that the index is made of
  bool has_pending_ = false;
  std::uint64_t version_ = 1;
  std::unordered_map<std::string, std::unique_ptr<Object>, base::StringHash, std::equal_to<>> objects_;
  std::unordered_map<std::string, std::unique_ptr<Owner>, base::StringHash, std::equal_to<>> owners_;
  std::vector<PluginKeys> by_plugin_;  // of the auth plugins, of which there are few
};

}  // namespace apisix::config
