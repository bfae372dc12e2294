// ProbeTls: the TLS of all probes: what is trusted, and the certificates that upstreams show to their nodes:
// their own, or stored ones (ssls of type client). Owned by the prober.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "shared/base/keyring.h"
#include "shared/net/tls_client_contexts.h"
#include "shared/resource/upstream.h"
#include "shared/store/store.h"

namespace apisix::agent {

class ProbeTls {
 public:
  // `trusted_file`: "" = what the system trusts. `keyring`: of private keys.
  explicit ProbeTls(std::string trusted_file = {}, base::Keyring keyring = {})
      : trusted_file_(std::move(trusted_file)), keyring_(std::move(keyring)) {}

  // `shown` may be null. The error says what cannot be shown.
  base::Result<base::Ref<const net::TlsClientContext>> context(bool verify,
                                                               const resource::UpstreamTls* shown);

  // A stored certificate. False: nothing of it is kept, as no upstream can show it.
  bool put(const store::Item& ssl);
  void erase(const std::string& key);

 private:
  struct Pair {
    std::string cert;
    std::string key;  // as stored
  };

  const std::string trusted_file_;
  const base::Keyring keyring_;
  net::TlsClientContexts contexts_;
  std::map<std::string, Pair> stored_;  // by id
};

}  // namespace apisix::agent
