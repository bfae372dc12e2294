// ReadOnlyStore: for stores that only lend their reads to a check.
#pragma once

#include <memory>

#include "shared/store/store.h"

namespace apisix::admin {

class ReadOnlyStore : public store::Store {
 public:
  async::Task<base::Result<store::TxnReply>> txn(store::Txn) final { co_return only_reads(); }
  async::Task<base::Result<store::LeaseId>> grant_lease(std::int64_t) final { co_return only_reads(); }
  async::Task<base::Result<std::int64_t>> keep_lease_alive(store::LeaseId) final { co_return only_reads(); }
  std::unique_ptr<store::Watch> watch(std::string, store::Revision, store::WatchCallbacks) final {
    return nullptr;
  }

 private:
  static std::unexpected<base::Error> only_reads() {
    return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway, "this store is only read");
  }
};

}  // namespace apisix::admin
