// TlsInfo: what a TLS handshake agreed on. Owned by the session; its texts live as long as that.
#pragma once

#include <string>
#include <string_view>

namespace apisix::net {

// What is seldom asked for: found out when it is.
class TlsFacts {
 public:
  virtual std::string session_id() const = 0;  // hexadecimal; "": none
  // Requests may be replayed ones (RFC 8446 8): the handshake is not complete yet.
  virtual bool is_early() const = 0;
  virtual std::string curve() const = 0;  // that the key exchange used: "X25519"; "": none
  // What the client offered, joined with ':'; what has no name is a number: "0x2a2a". "" when the session
  // was resumed.
  virtual std::string client_curves() const = 0;
  virtual std::string client_ciphers() const = 0;

 protected:
  ~TlsFacts() = default;
};

struct TlsInfo {
  std::string_view sni = {};               // the server name that the client asked for; "": none
  std::string_view alpn = {};              // "h2"; "": none was agreed on
  std::string_view version = {};           // "TLSv1.3"
  std::string_view cipher = {};            // "TLS_AES_256_GCM_SHA384"
  std::string_view peer_certificate = {};  // DER; "": the peer showed none
  // As $ssl_client_verify: "NONE" without a certificate, "SUCCESS", or "FAILED:" and why it is not believed.
  std::string_view peer_verified = "NONE";
  bool is_resumed = false;          // of a session before; the certificate is that session's
  const TlsFacts* facts = nullptr;  // null: nothing more is known
};

}  // namespace apisix::net
