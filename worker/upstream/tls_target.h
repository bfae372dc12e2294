// TlsTarget: how TLS begins with a node, beside its address: by which context, for which server name. Of one
// attempt; who opens a connection copies what it keeps (TlsHost).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/net/tls_client.h"

namespace apisix::upstream {

struct TlsTarget {
  base::Ref<const net::TlsClientContext> context;
  std::string_view server_name;  // without port; "": none is sent
  std::string_view alpn = {};    // as on the wire: "\x02h2"; "": not offered

  // For Endpoint::tls_identity, never 0: two that differ have different ones but for an accident, which no
  // client can arrange, although it may choose the server name. The Pool compares all the same.
  std::uint64_t identity() const;
};

// What the pool keeps for all TLS connections to one endpoint.
struct TlsHost {
  explicit TlsHost(const TlsTarget& target)
      : context(target.context), server_name(target.server_name), alpn(target.alpn) {}

  bool is_of(const TlsTarget& target) const {
    return context == target.context && server_name == target.server_name && alpn == target.alpn;
  }

  const base::Ref<const net::TlsClientContext> context;
  const std::string server_name;
  const std::string alpn;
  net::TlsResumption resumption;
};

// Of a scheme that an upstream can have.
constexpr bool speaks_tls(std::string_view scheme) {
  return scheme == "https" || scheme == "grpcs";
}

}  // namespace apisix::upstream
