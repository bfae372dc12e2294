#include "worker/config/rejections.h"

#include <utility>

#include "shared/base/log.h"

namespace apisix::config {

void Rejections::reject(const store::Item& item, std::string reason) {
  base::log_error("rejected {} at revision {}: {}", item.key, item.mod_revision, reason);
  add({item.key, item.mod_revision, std::move(reason)});
}

void Rejections::add(Rejection rejection) {
  ++total_;
  if (listed_.size() < kListedMax) listed_[rejection.key] = std::move(rejection);
}

void Rejections::set_reason(const std::string& key, std::string reason) {
  if (const auto known = listed_.find(key); known != listed_.end()) known->second.reason = std::move(reason);
}

}  // namespace apisix::config
