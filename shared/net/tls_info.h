// TlsInfo: what a TLS handshake agreed on. Owned by the session; its texts live as long as that.
#pragma once

#include <string_view>

namespace apisix::net {

struct TlsInfo {
  std::string_view sni = {};               // the server name that the client asked for; "": none
  std::string_view alpn = {};              // "h2"; "": none was agreed on
  std::string_view version = {};           // "TLSv1.3"
  std::string_view cipher = {};            // "TLS_AES_256_GCM_SHA384"
  std::string_view peer_certificate = {};  // DER; "": the peer showed none
  // As $ssl_client_verify: "NONE" without a certificate, "SUCCESS", or "FAILED:" and why it is not believed.
  std::string_view peer_verified = "NONE";
  bool is_resumed = false;  // of a session before; the certificate is that session's
};

}  // namespace apisix::net
