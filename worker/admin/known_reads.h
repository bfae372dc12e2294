// KnownReads: reads for one attempt to write, served from this worker's own copy of the configuration where
// it has the object, so that a write to etcd is one round trip. A copy may be behind: what it gave is
// only assumed, and compares() must be part of the transaction. When that does not hold, the next attempt
// asks the store.
#pragma once

#include <string>
#include <vector>

#include "worker/admin/read_only_store.h"

namespace apisix::config {
class Registry;
}

namespace apisix::admin {

class KnownReads final : public ReadOnlyStore {
 public:
  // Not `assumes`: every read asks the store.
  KnownReads(store::Store& store, const config::Registry& registry, bool assumes)
      : store_(store), registry_(registry), assumes_(assumes) {}

  async::Task<base::Result<store::Item>> get(std::string key) override;
  async::Task<base::Result<store::ListReply>> list(std::string prefix) override;
  std::string_view provider() const override { return store_.provider(); }

  // The object that is to be written, which the transaction compares anyway; mod_revision 0: there is none.
  async::Task<base::Result<store::Item>> find(std::string key);

  // Whether any read was served from the copy.
  bool has_assumed() const { return has_assumed_; }
  // That the results of get() are still current.
  const std::vector<store::Compare>& compares() const { return compares_; }

 private:
  store::Store& store_;
  const config::Registry& registry_;
  bool assumes_;
  bool has_assumed_ = false;
  std::vector<store::Compare> compares_;
};

}  // namespace apisix::admin
