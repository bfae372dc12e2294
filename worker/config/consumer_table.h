// ConsumerTable: consumers and credentials, found by what auth plugins match: O(1) whatever their number, and
// a change costs what the changed object is large. Values stay JSON text until somebody is recognised by
// them: there may be a million.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/store/store.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::config {

class ConsumerTable final : public plugin::ConsumerBook {
 public:
  // `plugins` is replaced by set_plugins() when the list of enabled plugins changes.
  explicit ConsumerTable(const plugin::PluginSet& plugins);
  ~ConsumerTable() override;

  // `id`: what follows "consumers/" in the store: "jack" or "jack/credentials/c1".
  base::Status put(std::string_view id, const store::Item& item);
  void erase(std::string_view id);
  void set_plugins(const plugin::PluginSet& plugins);

  base::Ref<const plugin::ConsumerAuth> find(std::string_view plugin, std::string_view key) override;
  bool has_any(std::string_view plugin) const override;
  base::Ref<const plugin::Consumer> find_by_name(std::string_view username) override;

  // The name of the first consumer whose JSON has the text `mentions` in it and `matches`; "" when there is
  // none. Reads through all of them.
  std::string find_consumer(std::string_view mentions,
                            const std::function<bool(const format::Json&)>& matches) const;

  std::size_t size() const { return objects_.size(); }

 private:
  struct Person;
  struct Object;
  // Of several with the same key the one that was written last counts.
  using Keys = std::unordered_multimap<std::string, Object*, base::StringHash, std::equal_to<>>;

  Person& person_of(std::string_view username);
  base::Ref<const plugin::Consumer> current(Person& person);
  void index(Object& object, const format::Json& plugins);
  void unindex(Object& object);

  const plugin::PluginSet* plugins_;
  std::unordered_map<std::string, std::unique_ptr<Object>, base::StringHash, std::equal_to<>> objects_;
  std::unordered_map<std::string, std::unique_ptr<Person>, base::StringHash, std::equal_to<>> persons_;
  std::unordered_map<std::string, Keys, base::StringHash, std::equal_to<>> by_plugin_;
};

}  // namespace apisix::config
