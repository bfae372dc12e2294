// ClientTls: TLS of a kind of listeners: starts the sessions of clients, chooses by their server name what
// they are shown, and counts how handshakes end. Outlives the listeners.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/net/tls_server.h"

namespace apisix::memory {
struct HandshakeTallies;
}
namespace apisix::plugin {
struct ClientInfo;
}
namespace apisix::tls {
class IdentitySource;
}

namespace apisix::proxy {

class Listener;

class ClientTls {
 public:
  struct Deps {
    tls::IdentitySource& identities;
    net::TlsServerContext context;
    std::string fallback_sni = {};  // for clients that name no server; "": they are refused
    memory::HandshakeTallies& tallies;
  };
  explicit ClientTls(Deps deps);

  // On the connected `fd`. `client` and `listener` outlive it.
  std::unique_ptr<net::TlsSession> start_session(int fd, const plugin::ClientInfo& client,
                                                 const Listener& listener) const;
  void note_success(const net::TlsInfo& info);
  // Clients that give up are many: it is said at info.
  void note_failure(const plugin::ClientInfo& client, const Listener& listener, std::string_view why);

  tls::IdentitySource& identities() const { return deps_.identities; }
  // The name that certificates are looked for by.
  std::string_view name_for(std::string_view server_name) const {
    return server_name.empty() ? std::string_view(deps_.fallback_sni) : server_name;
  }

 private:
  Deps deps_;
};

}  // namespace apisix::proxy
