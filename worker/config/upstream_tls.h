// UpstreamTls: how the nodes of one upstream object are spoken to over TLS: what is verified, which
// certificate is shown. Kept by the compiled upstream; UpstreamTlsMaker has what all of a worker share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shared/base/counted.h"
#include "shared/base/keyring.h"
#include "shared/base/result.h"
#include "shared/resource/upstream.h"

namespace apisix::net {
class TlsClientContext;
class TlsClientContexts;
}  // namespace apisix::net

namespace apisix::settings {
enum class VerifyUpstreams : unsigned char;
}

namespace apisix::tls {
class IdentitySource;
}

namespace apisix::config {

// Of one worker.
struct UpstreamTlsOptions {
  net::TlsClientContexts* contexts = nullptr;  // null: no upstream speaks TLS
  std::string ca_file;                         // what is trusted; empty: the system's
  settings::VerifyUpstreams verify{};          // of none
  bool sends_name = true;
  base::Keyring keyring;                        // of private keys
  tls::IdentitySource* certificates = nullptr;  // of client_cert_id; null: there are none
};

class UpstreamTls : public base::Counted<UpstreamTls> {
 public:
  using Context = base::Ref<const net::TlsClientContext>;

  // `conf` may be null, `options` outlive it.
  UpstreamTls(const UpstreamTlsOptions& options, std::shared_ptr<const resource::UpstreamTls> conf);
  ~UpstreamTls();

  // Made at the first request that needs it, and again when the certificate of client_cert_id is another one.
  // The error has the whole line for error.log; kNotFound: there is no such certificate, which APISIX gives
  // 502 for; kUnavailable: its secrets are being read. Others get 503.
  base::Result<Context> context();

 private:
  base::Result<Context> show_own();
  base::Result<Context> show_stored();
  bool verifies() const;

  const UpstreamTlsOptions& options_;
  const std::shared_ptr<const resource::UpstreamTls> conf_;
  Context context_;           // null: not made yet
  std::uint64_t serial_ = 0;  // of the stored certificate that it shows
};

class UpstreamTlsMaker {
 public:
  explicit UpstreamTlsMaker(UpstreamTlsOptions options);
  ~UpstreamTlsMaker();
  UpstreamTlsMaker(const UpstreamTlsMaker&) = delete;
  UpstreamTlsMaker& operator=(const UpstreamTlsMaker&) = delete;

  // Where client_cert_id leads; before the first request.
  void use_certificates(tls::IdentitySource& certificates) { options_.certificates = &certificates; }

  // Never null. The object's `tls` counts where its own scheme speaks TLS: where a plugin changed the scheme
  // its certificate is not shown, as in APISIX.
  base::Ref<UpstreamTls> of(const resource::Upstream& upstream) const;

 private:
  UpstreamTlsOptions options_;
  const base::Ref<UpstreamTls> plain_;  // of all objects without `tls`
};

}  // namespace apisix::config
