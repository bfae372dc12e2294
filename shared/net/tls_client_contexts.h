// TlsClientContexts: the contexts of one process, one for each distinct configuration: 10,000 upstreams that
// want the same share it, and what is kept for it (connections, sessions) outlives a change of theirs that
// says nothing of TLS. Certificates to trust are read once for each file. Contexts live as long as they are
// used.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "shared/net/tls_client.h"

namespace apisix::net {

class TlsClientContexts {
 public:
  TlsClientContexts() = default;
  TlsClientContexts(const TlsClientContexts&) = delete;
  TlsClientContexts& operator=(const TlsClientContexts&) = delete;

  // Null: there is none yet.
  base::Ref<const TlsClientContext> find(const TlsClientContext::Options& options) const;
  // Never null. `certificates`: what options.shown names. The error says what of it cannot be used.
  base::Result<base::Ref<const TlsClientContext>> get(
      const TlsClientContext::Options& options, std::span<const TlsCertificate* const> certificates = {});
  // The same, showing a certificate and its key in PEM, which are parsed when they are new.
  base::Result<base::Ref<const TlsClientContext>> get_showing(TlsClientContext::Options options,
                                                              std::string_view chain_pem,
                                                              std::string_view key_pem);
  std::size_t size() const { return contexts_.size(); }

 private:
  void forget_unused();

  std::map<TlsClientContext::Options, base::Ref<const TlsClientContext>> contexts_;
  std::map<std::string, base::Ref<const TlsClientContext>> trusting_;  // by ca_file, one that has read it
  std::size_t sweep_at_ = 64;
};

}  // namespace apisix::net
