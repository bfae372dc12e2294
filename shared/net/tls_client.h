// TlsClientContext: which servers to trust, made once; starts the TLS sessions of connections to other
// services (redis and the like) and to nodes.
#pragma once

#include <memory>
#include <string>

#include "shared/base/result.h"
#include "shared/net/tls_session.h"

namespace apisix::net {

class TlsClientContext {
 public:
  struct Options {
    bool verify = true;        // the peer's certificate, and that it is the name's
    std::string ca_file = {};  // PEM; empty: what the system trusts
  };
  static base::Result<TlsClientContext> make(const Options& options);

  // On the connected `fd`; nothing is sent before its handshake(). `server_name`: for SNI and the check of
  // the certificate; a literal address is checked as one.
  base::Result<std::unique_ptr<TlsSession>> start_session(int fd, const std::string& server_name) const;

 private:
  struct Impl;
  explicit TlsClientContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

}  // namespace apisix::net
