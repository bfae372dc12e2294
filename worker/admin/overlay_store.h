// OverlayStore: the store as it will be when a set of changes is done, to ask the rules about it. Reads only;
// what was read once stays the same as long as it lives, which is one attempt to make the changes.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "worker/admin/read_only_store.h"

namespace apisix::admin {

class OverlayStore final : public ReadOnlyStore {
 public:
  explicit OverlayStore(store::Store& store) : store_(store) {}

  // From now on get() and list() find `value` there; nothing: no object.
  void replace(std::string key, std::optional<std::string> value);
  bool is_replaced(const std::string& key) const { return replaced_.contains(key); }
  // The stored object, whatever replaces it; mod_revision 0: there is none.
  async::Task<base::Result<store::Item>> stored(std::string key);
  // Reads all under `prefix` at once, for many calls of stored().
  async::Task<base::Status> prefetch(std::string prefix);

  async::Task<base::Result<store::Item>> get(std::string key) override;
  async::Task<base::Result<store::ListReply>> list(std::string prefix) override;
  std::string_view provider() const override { return store_.provider(); }

 private:
  store::Store& store_;
  std::map<std::string, std::optional<std::string>> replaced_;
  std::map<std::string, store::Item> read_;
  std::vector<std::string> prefetched_;
};

}  // namespace apisix::admin
