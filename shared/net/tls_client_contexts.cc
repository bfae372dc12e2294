#include "shared/net/tls_client_contexts.h"

#include <algorithm>

namespace apisix::net {

base::Result<base::Ref<const TlsClientContext>> TlsClientContexts::get(
    const TlsClientContext::Options& options) {
  if (const auto found = contexts_.find(options); found != contexts_.end()) return found->second;
  const auto trusting = trusting_.find(options.ca_file);
  auto made =
      TlsClientContext::make(options, trusting == trusting_.end() ? nullptr : trusting->second->trusted());
  if (!made) return made;
  if (contexts_.size() >= sweep_at_) forget_unused();
  if (options.verify) trusting_.try_emplace(options.ca_file, *made);
  contexts_.emplace((*made)->options(), *made);
  return made;
}

void TlsClientContexts::forget_unused() {
  std::erase_if(contexts_, [](const auto& entry) { return entry.second->references() == 1; });
  sweep_at_ = std::max<std::size_t>(64, 2 * contexts_.size());
}

}  // namespace apisix::net
