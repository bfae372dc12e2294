#include "worker/admin/known_reads.h"

#include <utility>

#include "worker/admin/find_item.h"
#include "worker/config/registry.h"

namespace apisix::admin {

async::Task<base::Result<store::Item>> KnownReads::get(std::string key) {
  if (auto known = assumes_ ? registry_.known_item(key) : std::nullopt; known && known->mod_revision != 0) {
    has_assumed_ = true;
    compares_.push_back({store::Compare::Target::kModRevision, std::move(key), known->mod_revision});
    co_return std::move(*known);
  }
  co_return co_await store_.get(std::move(key));
}

async::Task<base::Result<store::ListReply>> KnownReads::list(std::string prefix) {
  co_return co_await store_.list(std::move(prefix));
}

async::Task<base::Result<store::Item>> KnownReads::find(std::string key) {
  if (auto known = assumes_ ? registry_.known_item(key) : std::nullopt) {
    has_assumed_ = true;
    co_return std::move(*known);
  }
  co_return co_await find_item(store_, std::move(key));
}

}  // namespace apisix::admin
