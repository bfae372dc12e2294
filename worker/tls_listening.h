// TlsListening: what the listeners of a worker need to speak TLS: that of the proxy, by apisix.ssl and the
// certificates of `ssls`, and that of the Admin API, by admin_api_mtls. Both resume sessions by the zones
// that all workers share.
#pragma once

#include <memory>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/channel/child_context.h"
#include "worker/proxy/client_tls.h"

namespace apisix::settings {
struct Settings;
}

namespace apisix::worker {

class SharedSessions;
class SharedTicketKeys;
class SingleIdentity;

class TlsListening {
 public:
  struct Deps {
    const settings::Settings& settings;
    const channel::AdminCertificate& admin_certificate;
    memory::Zones& zones;
    memory::HandshakeTallies& tallies;
    const base::Clock& clock;
    tls::IdentitySource& identities;
  };
  // Errors: ciphers, protocols or a certificate that OpenSSL refuses.
  static base::Result<std::unique_ptr<TlsListening>> make(const Deps& deps);
  ~TlsListening();

  proxy::ClientTls& clients() { return *clients_; }
  // Null: the Admin API is plain.
  proxy::ClientTls* admin() { return admin_.get(); }

 private:
  TlsListening();
  // With the versions, ciphers and sessions of apisix.ssl.
  base::Result<net::TlsServerContext> make_context(const Deps& deps, bool http2) const;
  base::Status open(const Deps& deps);
  base::Status open_admin(const Deps& deps);

  std::unique_ptr<SharedSessions> sessions_;
  std::unique_ptr<SharedTicketKeys> ticket_keys_;
  std::unique_ptr<SingleIdentity> admin_identity_;
  std::unique_ptr<proxy::ClientTls> clients_;
  std::unique_ptr<proxy::ClientTls> admin_;
};

}  // namespace apisix::worker
