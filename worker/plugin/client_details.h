// ClientDetails: what only some connections have. Owned by the ClientInfo of the connection, made when there
// is something to say.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shared/net/proxy_protocol.h"
#include "shared/net/tls_info.h"

namespace apisix::plugin {

struct ClientDetails {
  const net::TlsInfo* tls = nullptr;  // null: plain
  // By the PROXY header in front of the connection.
  std::optional<net::ProxiedAddresses> proxied;
  std::unique_ptr<const std::string> proxy_tlvs;            // null: it has none
  std::unique_ptr<net::ProxyProtocolReader> header_reader;  // while that header is read
};

}  // namespace apisix::plugin
