// UpstreamTls: how the nodes of one upstream object are spoken to over TLS: what is verified, which
// certificate is shown. Kept by the compiled upstream; UpstreamTlsMaker has what all of a worker share.
#pragma once

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

namespace apisix::config {

// Of one worker.
struct UpstreamTlsOptions {
  net::TlsClientContexts* contexts = nullptr;  // null: no upstream speaks TLS
  std::string ca_file;                         // what is trusted; empty: the system's
  settings::VerifyUpstreams verify{};          // of none
  bool sends_name = true;
  base::Keyring keyring;  // of private keys
};

class UpstreamTls : public base::Counted<UpstreamTls> {
 public:
  using Context = base::Ref<const net::TlsClientContext>;

  // `conf` may be null, `options` outlive it.
  UpstreamTls(const UpstreamTlsOptions& options, std::shared_ptr<const resource::UpstreamTls> conf);
  ~UpstreamTls();

  // Made at the first request that needs it. The error has the whole line for error.log; kNotFound: of
  // client_cert_id, which APISIX gives 502 for; others get 503.
  base::Result<Context> context();

 private:
  base::Result<Context> make();

  const UpstreamTlsOptions& options_;
  const std::shared_ptr<const resource::UpstreamTls> conf_;
  Context context_;  // null: not made yet
};

class UpstreamTlsMaker {
 public:
  explicit UpstreamTlsMaker(UpstreamTlsOptions options)
      : options_(std::move(options)), plain_(new UpstreamTls(options_, nullptr)) {}
  UpstreamTlsMaker(const UpstreamTlsMaker&) = delete;
  UpstreamTlsMaker& operator=(const UpstreamTlsMaker&) = delete;

  // Never null. Its `tls` counts where its own scheme speaks TLS: to one that a plugin sends there the
  // certificate is not shown, as in APISIX.
  base::Ref<UpstreamTls> of(const resource::Upstream& upstream) const;

 private:
  const UpstreamTlsOptions options_;
  const base::Ref<UpstreamTls> plain_;  // of all objects without `tls`
};

}  // namespace apisix::config
