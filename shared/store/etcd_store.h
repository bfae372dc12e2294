// EtcdStore: the store kept by an etcd cluster (3.4 or later), over gRPC. Each process opens its own after
// fork(); owned by the process, used on its loop's thread. Opening waits for nothing: calls find out whether
// etcd is there.
//
//   get, list, txn, leases   one unary call each (a list: one per page, all at one revision)
//   watches                  one stream for all of them, over options.prefix + "/" (etcd_feed.h)
//
// Threads: one of ours waits for gRPC and only hands over (etcd_rpc.h); gRPC keeps a few of its own. A write
// that ended with an error of kind kUnavailable, kTimeout or kClosed may have happened, as with any
// database.
#pragma once

#include <memory>
#include <string>

#include "shared/event/loop.h"
#include "shared/store/etcd_options.h"
#include "shared/store/store.h"
#include "shared/store/watch_list.h"

namespace apisix::store {

class EtcdClient;
class EtcdFeed;

class EtcdStore final : public Store {
 public:
  // Errors: a malformed endpoint, a certificate that cannot be read.
  static base::Result<std::unique_ptr<EtcdStore>> open(event::Loop& loop, const EtcdOptions& options);
  // Tasks still waiting end with kClosed. Not from a watch's callback.
  ~EtcdStore() override;

  async::Task<base::Result<Item>> get(std::string key) override;
  async::Task<base::Result<ListReply>> list(std::string prefix) override;
  // Refused as by LocalStore, with etcd's bounds: see txn_limits(), unless etcd is configured otherwise.
  async::Task<base::Result<TxnReply>> txn(Txn txn) override;
  TxnLimits txn_limits() const override;
  async::Task<base::Result<LeaseId>> grant_lease(std::int64_t ttl_seconds) override;
  async::Task<base::Result<std::int64_t>> keep_lease_alive(LeaseId lease) override;
  // Of keys under options.prefix + "/". on_lost (kClosed): compacted, restored, another cluster.
  std::unique_ptr<Watch> watch(std::string prefix, Revision from_revision, WatchCallbacks callbacks) override;
  std::string_view provider() const override { return "etcd"; }
  StoreHealth health() const override;
  void on_health(std::function<void(const StoreHealth&)> callback) override;

  // The version of each endpoint's etcd ("3.4.23") or why it does not reply; for the command line.
  async::Task<base::Result<std::string>> version_of(std::size_t endpoint, std::uint64_t timeout_ms);

 private:
  EtcdStore(event::Loop& loop, std::shared_ptr<EtcdClient> client);

  std::shared_ptr<EtcdClient> client_;
  WatchList watches_{WatchList::Feed::kSome};
  std::shared_ptr<EtcdFeed> feed_;  // frames of list() look at it as long as it lives
};

}  // namespace apisix::store
