// TLS towards clients. A TlsServerContext is what the sessions of listeners share: versions, ciphers, how
// sessions are resumed. A TlsServerSession asks its subclass what to show, by the server name of the client.
//
//   client hello --choose()--> session resumed ------------------------> established
//        |             `-----> show(), ocsp_response() --certificates--> established
//        `-- no Terms: alert unrecognized_name
//
// A session is resumed only under the serial of its Terms and for the same server name (the context of its
// id holds both), so that who was let in by one policy does not come in by another (RFC 8446 4.6.1).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/net/tls_openssl.h"
#include "shared/net/tls_version.h"

struct ssl_ctx_st;
struct x509_st;

namespace apisix::net {

class TlsTrust;

// Sessions by their ids, in DER, for all processes. Never waits.
class TlsSessionStore {
 public:
  // The longest session that is offered: one with a client's chain.
  static constexpr std::size_t kSessionBytesMax = 4000;

  virtual void put(std::string_view id, std::string_view session) = 0;
  // How many bytes of `into` it has; 0: there is none.
  virtual std::size_t find(std::string_view id, std::span<char, kSessionBytesMax> into) = 0;
  virtual void remove(std::string_view id) = 0;

 protected:
  ~TlsSessionStore() = default;
};

// AES-256-CBC and HMAC-SHA256, as RFC 5077 4 recommends.
struct TlsTicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> cipher;
  std::array<unsigned char, 32> mac;
};

class TlsTicketKeys {
 public:
  // For new tickets. Valid until the next call.
  virtual const TlsTicketKey& current() = 0;
  // Null: not one of ours, or too old.
  virtual const TlsTicketKey* find(std::string_view name) = 0;

 protected:
  ~TlsTicketKeys() = default;
};

class TlsServerContext {
 public:
  struct Options {
    TlsVersions versions = kTls12 | kTls13;
    std::string ciphers = {};  // OpenSSL's list, up to TLS 1.2; empty: the library's
    bool http2 = false;        // agreed on by ALPN when the client offers it
    std::uint32_t session_timeout_s = 600;
    TlsSessionStore* sessions = nullptr;   // null: none are kept
    TlsTicketKeys* ticket_keys = nullptr;  // null: no tickets without state
  };
  // Errors: ciphers that OpenSSL does not know.
  static base::Result<TlsServerContext> make(const Options& options);

 private:
  friend class TlsServerSession;
  friend struct TlsServerCallbacks;
  struct Impl;
  explicit TlsServerContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

class TlsServerSession : public OpensslSession {
 public:
  // What one client gets, and what it is asked for. `trust` lives as long as the session.
  struct Terms {
    std::uint64_t serial = 0;
    TlsVersions versions = 0;
    const TlsTrust* trust = nullptr;  // issuers of clients' certificates; null: none is asked for
    unsigned depth = 1;
    bool requires_certificate = true;  // else TlsInfo::peer_verified says what came of it
  };

  // On the connected `fd`, in a context that outlives it.
  TlsServerSession(const TlsServerContext& context, int fd);

 protected:
  // The handshake begins, `server_name` as the client sent it, "" when it named none. None: it ends here. May
  // come twice, for a client that is asked to begin again (RFC 8446 4.1.4).
  virtual std::optional<Terms> choose(std::string_view server_name) = 0;
  // No session is resumed: makes the certificates those of the session.
  virtual base::Status show(ssl_st& session) = 0;
  // DER, to be stapled to what is shown; "": none.
  virtual std::string_view ocsp_response(const x509_st* shown) const = 0;

 private:
  friend struct TlsServerCallbacks;
};

}  // namespace apisix::net
