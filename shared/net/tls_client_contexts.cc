#include "shared/net/tls_client_contexts.h"

#include <algorithm>

#include "shared/base/crypto_digest.h"

namespace apisix::net {

base::Ref<const TlsClientContext> TlsClientContexts::find(const TlsClientContext::Options& options) const {
  const auto found = contexts_.find(options);
  return found != contexts_.end() ? found->second : nullptr;
}

base::Result<base::Ref<const TlsClientContext>> TlsClientContexts::get(
    const TlsClientContext::Options& options, std::span<const TlsCertificate* const> certificates) {
  if (auto known = find(options)) return known;
  const auto trusting = trusting_.find(options.ca_file);
  auto made = TlsClientContext::make(
      options, {.certificates = certificates,
                .trusted = trusting == trusting_.end() ? nullptr : trusting->second->trusted()});
  if (!made) return made;
  if (contexts_.size() >= sweep_at_) forget_unused();
  if (options.verify) trusting_.try_emplace(options.ca_file, *made);
  contexts_.emplace((*made)->options(), *made);
  return made;
}

base::Result<base::Ref<const TlsClientContext>> TlsClientContexts::get_showing(
    TlsClientContext::Options options, std::string_view chain_pem, std::string_view key_pem) {
  std::string both(chain_pem);
  both.append(1, '\0').append(key_pem);
  options.shown = "pem " + base::digest_of(base::Digest::kSha256, both).hex();
  if (auto known = find(options)) return known;
  const auto certificate = TlsCertificate::from_pem(chain_pem, key_pem);
  if (!certificate) return std::unexpected(certificate.error());
  const TlsCertificate* const one = &*certificate;
  return get(options, {&one, 1});
}

void TlsClientContexts::forget_unused() {
  std::erase_if(contexts_, [](const auto& entry) { return entry.second->references() == 1; });
  sweep_at_ = std::max<std::size_t>(64, 2 * contexts_.size());
}

}  // namespace apisix::net
