#include "worker/admin/find_item.h"

namespace apisix::admin {

async::Task<base::Result<store::Item>> find_item(store::Store& store, std::string key) {
  auto item = co_await store.get(std::move(key));
  if (!item && item.error().code == base::ErrorCode::kNotFound) co_return store::Item{};
  co_return item;
}

}  // namespace apisix::admin
