// TlsClientContext: how connections to servers begin TLS: which certificates are trusted, what is shown to a
// server that asks. Made once for each distinct configuration (TlsClientContexts), immutable, counted; starts
// the sessions of everything that connects: upstreams, health checks, redis.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/net/tls_certificate.h"
#include "shared/net/tls_session.h"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_store_st;

namespace apisix::net {

// The last session that a server gave to resume by: the next handshake with it costs a tenth (RFC 8446 2.2).
// Kept by who connects there again, only for connections of one context and server name; outlives their
// sessions.
class TlsResumption {
 public:
  bool is_known() const { return session_ != nullptr; }
  void forget() { session_.reset(); }

 private:
  friend class TlsClientContext;
  struct Free {
    void operator()(ssl_session_st* session) const;
  };
  std::unique_ptr<ssl_session_st, Free> session_;
};

class TlsClientContext : public base::Counted<TlsClientContext> {
 public:
  struct Options {
    bool verify = true;        // the peer's certificate, and that it is the name's
    std::string ca_file = {};  // PEM; empty: what the system trusts
    bool sends_name = true;    // SNI
    // Names what is shown to a server that asks for a certificate, the same for the same; "": nothing is.
    std::string shown = {};
    // An end without close_notify is an end: servers of HTTP are careless with it, and nginx takes it.
    bool takes_bare_end = false;

    auto operator<=>(const Options&) const = default;
  };
  // What a context is made of besides, needed only while it is made.
  struct Parts {
    std::span<const TlsCertificate* const> certificates = {};  // that Options::shown names
    x509_store_st* trusted = nullptr;                          // of `ca_file`; null: it is read
  };
  static base::Result<base::Ref<const TlsClientContext>> make(const Options& options, const Parts& parts);
  static base::Result<base::Ref<const TlsClientContext>> make(const Options& options) {
    return make(options, {});
  }
  ~TlsClientContext();

  struct Start {
    // For SNI and the check of the certificate; a literal address is checked as one, and not sent.
    std::string_view server_name;
    // As on the wire: "\x02h2\x08http/1.1"; "": not offered.
    std::string_view alpn = {};
    TlsResumption* resumption = nullptr;  // null: each handshake is a full one
  };
  // On `fd`, which may be about to connect; nothing is sent before its handshake().
  base::Result<std::unique_ptr<TlsSession>> start_session(int fd, const Start& start) const;

  // Another one for each context that was made in this process: what is kept for one context is not
  // taken for another.
  std::uint64_t serial() const { return serial_; }
  const Options& options() const { return options_; }
  // Null: nothing is verified.
  x509_store_st* trusted() const;

 private:
  explicit TlsClientContext(Options options);
  base::Status trust(x509_store_st* trusted);
  base::Status name_server(ssl_st& ssl, std::string_view server_name) const;
  static int on_new_session(ssl_st* ssl, ssl_session_st* session);

  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  const Options options_;
  const std::uint64_t serial_;
  const std::unique_ptr<ssl_ctx_st, Free> context_;
};

}  // namespace apisix::net
