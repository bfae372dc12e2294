#include "worker/proxy/client_tls.h"

#include <utility>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/memory/status_zone.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/listener.h"
#include "worker/tls/identity_source.h"

namespace apisix::proxy {
namespace {

// As nginx ends its lines about a connection.
std::string client_text(const plugin::ClientInfo& client, const Listener& listener) {
  return fmt::format("client: {}, server port: {}", client.peer_ip.to_string(), listener.port());
}

constexpr std::string_view kNoServerName =
    "failed to find SNI: please check if the client requests via IP or uses an outdated protocol. If you "
    "need "
    "to report an issue, provide a packet capture file of the TLS handshake.";

class ClientTlsSession final : public net::TlsServerSession {
 public:
  ClientTlsSession(const ClientTls& tls, const net::TlsServerContext& context, int fd,
                   const plugin::ClientInfo& client, const Listener& listener)
      : TlsServerSession(context, fd), tls_(tls), client_(client), listener_(listener) {}

 private:
  std::optional<Terms> choose(std::string_view server_name) override {
    const std::string_view name = tls_.name_for(server_name);
    if (name.empty()) return refuse(kNoServerName);
    auto found = tls_.identities().find(name);
    if (!found) return refuse(found.error().what);
    identity_ = std::move(*found);
    Terms terms{.serial = identity_->serial(), .versions = identity_->protocols()};
    if (const tls::ClientPolicy* policy = identity_->client_policy()) {
      terms.trust = &policy->trust();
      terms.depth = policy->depth();
      terms.requires_certificate = policy->verifies_in_handshake();
    }
    return terms;
  }

  std::nullopt_t refuse(std::string_view why) const {
    base::log_error("{}, {}", why, client_text(client_, listener_));
    return std::nullopt;
  }

  base::Status show(ssl_st& session) override {
    for (const tls::ShownCertificate& shown : identity_->certificates()) {
      if (auto done = shown.certificate.use_in(session); !done) {
        base::log_error("failed to fetch ssl config: {}, {}", done.error().what,
                        client_text(client_, listener_));
        return done;
      }
    }
    return {};
  }

  std::string_view ocsp_response(const x509_st* shown) const override {
    return identity_->ocsp_response(shown);
  }

  const ClientTls& tls_;
  const plugin::ClientInfo& client_;
  const Listener& listener_;
  base::Ref<const tls::Identity> identity_;
};

}  // namespace

ClientTls::ClientTls(Deps deps) : deps_(std::move(deps)) {}

std::unique_ptr<net::TlsSession> ClientTls::start_session(int fd, const plugin::ClientInfo& client,
                                                          const Listener& listener) const {
  return std::make_unique<ClientTlsSession>(*this, deps_.context, fd, client, listener);
}

void ClientTls::note_success(const net::TlsInfo& info) {
  deps_.tallies.completed.add();
  if (info.is_resumed) deps_.tallies.resumed.add();
}

void ClientTls::note_failure(const plugin::ClientInfo& client, const Listener& listener,
                             std::string_view why) {
  deps_.tallies.failed.add();
  base::log_info("the TLS handshake failed ({}), {}", why, client_text(client, listener));
}

}  // namespace apisix::proxy
