#include "shared/store/etcd_once.h"

#include <utility>

#include "shared/event/loop.h"
#include "shared/store/etcd_open.h"
#include "shared/store/etcd_store.h"

namespace apisix::store {
namespace {

constexpr std::uint64_t kTurnMs = 100;

template <typename T>
T wait_for(event::Loop& loop, async::Task<T> task) {
  task.start();
  while (!task.done()) loop.run_once(kTurnMs);
  return task.take_result();
}

}  // namespace

base::Result<EtcdOnce> EtcdOnce::open(const settings::Settings& settings) {
  const auto options = etcd_options(settings);
  if (!options) return std::unexpected(options.error());
  auto loop = std::make_unique<event::Loop>();
  auto store = EtcdStore::open(*loop, *options);
  if (!store) return std::unexpected(store.error());
  return EtcdOnce(std::move(loop), std::move(*store));
}

EtcdOnce::EtcdOnce(std::unique_ptr<event::Loop> loop, std::unique_ptr<EtcdStore> store)
    : loop_(std::move(loop)), store_(std::move(store)) {}
EtcdOnce::EtcdOnce(EtcdOnce&&) noexcept = default;
EtcdOnce::~EtcdOnce() = default;

base::Result<ListReply> EtcdOnce::list(const std::string& keys) {
  return wait_for(*loop_, store_->list(keys));
}

base::Result<TxnReply> EtcdOnce::txn(Txn txn) {
  return wait_for(*loop_, store_->txn(std::move(txn)));
}

base::Result<std::string> EtcdOnce::version_of(std::size_t endpoint, std::uint64_t timeout_ms) {
  return wait_for(*loop_, store_->version_of(endpoint, timeout_ms));
}

}  // namespace apisix::store
