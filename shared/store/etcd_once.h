// EtcdOnce: an etcd store for a command of the command line: a client with a loop of its own, and calls that
// wait. Never in a process of the gateway.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shared/base/result.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::event {
class Loop;
}

namespace apisix::store {

class EtcdStore;

class EtcdOnce {
 public:
  // Waits for nothing. Errors: a malformed endpoint, a certificate that cannot be read.
  static base::Result<EtcdOnce> open(const settings::Settings& settings);
  EtcdOnce(EtcdOnce&&) noexcept;
  ~EtcdOnce();

  base::Result<ListReply> list(const std::string& keys);
  base::Result<TxnReply> txn(Txn txn);
  // Of the etcd at that endpoint of deployment.etcd.host: "3.4.23".
  base::Result<std::string> version_of(std::size_t endpoint, std::uint64_t timeout_ms);

 private:
  EtcdOnce(std::unique_ptr<event::Loop> loop, std::unique_ptr<EtcdStore> store);

  std::unique_ptr<event::Loop> loop_;
  std::unique_ptr<EtcdStore> store_;
};

}  // namespace apisix::store
