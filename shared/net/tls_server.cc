#include "shared/net/tls_server.h"

#include <algorithm>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/net/tls_certificate.h"
#include "shared/net/tls_client_hello.h"

namespace apisix::net {
namespace {

constexpr std::uint64_t kNoVersions =
    SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;

std::uint64_t refused_versions(TlsVersions versions) {
  std::uint64_t refused = 0;
  if ((versions & kTls10) == 0) refused |= SSL_OP_NO_TLSv1;
  if ((versions & kTls11) == 0) refused |= SSL_OP_NO_TLSv1_1;
  if ((versions & kTls12) == 0) refused |= SSL_OP_NO_TLSv1_2;
  if ((versions & kTls13) == 0) refused |= SSL_OP_NO_TLSv1_3;
  return refused;
}

// TLS 1.0 and 1.1 sign with SHA-1, which every higher level refuses; who names them wants that.
bool needs_lowest_security(TlsVersions versions) {
  return (versions & (kTls10 | kTls11)) != 0;
}

std::string_view view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// The certificate is judged by each request: the handshake goes on.
int accept_any(int, X509_STORE_CTX*) {
  return 1;
}

}  // namespace

struct TlsServerContext::Impl {
  SSL_CTX* context = nullptr;
  Options options;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { SSL_CTX_free(context); }
};

// What OpenSSL calls, with the sessions and contexts behind it.
struct TlsServerCallbacks {
  static TlsServerSession& session_of(const SSL* ssl) {
    return *static_cast<TlsServerSession*>(SSL_get_app_data(ssl));
  }
  static const TlsServerContext::Options& options_of(const SSL* ssl) {
    return options_of(SSL_get_SSL_CTX(ssl));
  }
  static const TlsServerContext::Options& options_of(const SSL_CTX* context) {
    return static_cast<const TlsServerContext::Impl*>(SSL_CTX_get_app_data(context))->options;
  }

  static int on_client_hello(SSL* ssl, int* alert, void*) {
    const unsigned char* extension = nullptr;
    std::size_t bytes = 0;
    const bool has_name = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &bytes) == 1;
    const auto name = has_name ? server_name_of(view(extension, bytes)) : std::string_view();
    if (!name) {
      *alert = SSL_AD_DECODE_ERROR;
      return SSL_CLIENT_HELLO_ERROR;
    }
    const auto terms = session_of(ssl).choose(*name);
    if (!terms) {
      *alert = SSL_AD_UNRECOGNIZED_NAME;
      return SSL_CLIENT_HELLO_ERROR;
    }
    apply(*ssl, *terms, *name);
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  // All of it each time: what the name of a first hello asked for must not stay for that of a second.
  static void apply(SSL& ssl, const TlsServerSession::Terms& terms, std::string_view name) {
    const TlsVersions versions = terms.versions != 0 ? terms.versions : options_of(&ssl).versions;
    SSL_clear_options(&ssl, kNoVersions);
    SSL_set_options(&ssl, refused_versions(versions));
    if (needs_lowest_security(versions)) SSL_set_security_level(&ssl, 0);
    bind_sessions(ssl, terms.serial, name);
    if (terms.trust == nullptr) return SSL_set_verify(&ssl, SSL_VERIFY_NONE, nullptr);
    SSL_set1_verify_cert_store(&ssl, terms.trust->store());
    SSL_set_verify_depth(&ssl, static_cast<int>(terms.depth));
    SSL_set0_CA_list(&ssl, SSL_dup_CA_list(terms.trust->names()));
    if (terms.requires_certificate) {
      SSL_set_verify(&ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    } else {
      SSL_set_verify(&ssl, SSL_VERIFY_PEER, &accept_any);
    }
  }

  static void bind_sessions(SSL& ssl, std::uint64_t serial, std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    std::string bound(sizeof serial, '\0');
    std::memcpy(bound.data(), &serial, sizeof serial);
    bound += base::to_lower(name);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned digest_bytes = 0;
    CHECK(EVP_Digest(bound.data(), bound.size(), digest.data(), &digest_bytes, EVP_sha256(), nullptr) == 1);
    CHECK(SSL_set_session_id_context(&ssl, digest.data(), digest_bytes) == 1);
  }

  // In a resumed session too: what the client named is what is logged, and known to requests.
  static int on_server_name(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

  static int on_certificate_needed(SSL* ssl, void*) { return session_of(ssl).show(*ssl) ? 1 : 0; }

  static int on_status_request(SSL* ssl, void*) {
    const std::string_view response = session_of(ssl).ocsp_response(SSL_get_certificate(ssl));
    if (response.empty()) return SSL_TLSEXT_ERR_NOACK;
    void* const copy = OPENSSL_memdup(response.data(), response.size());
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
    return SSL_TLSEXT_ERR_OK;
  }

  // RFC 7301 3.2: a client that offers only others is refused, as by nginx.
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_bytes,
                     const unsigned char* offered, unsigned offered_bytes, void*) {
    static constexpr std::string_view kProtocols = "\x02h2\x08http/1.1\x08http/1.0";
    const std::string_view served = options_of(ssl).http2 ? kProtocols : kProtocols.substr(3);
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_bytes, reinterpret_cast<const unsigned char*>(served.data()),
                              static_cast<unsigned>(served.size()), offered,
                              offered_bytes) != OPENSSL_NPN_NEGOTIATED) {
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }

  static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    const auto& options = options_of(ssl);
    // It went to the client, whole.
    if (options.ticket_keys != nullptr && SSL_version(ssl) == TLS1_3_VERSION) return 0;
    unsigned id_bytes = 0;
    const unsigned char* id = SSL_SESSION_get_id(session, &id_bytes);
    std::array<unsigned char, TlsSessionStore::kSessionBytesMax> der;
    const int bytes = i2d_SSL_SESSION(session, nullptr);
    if (id_bytes == 0 || bytes <= 0 || static_cast<std::size_t>(bytes) > der.size()) return 0;
    unsigned char* end = der.data();
    i2d_SSL_SESSION(session, &end);
    options.sessions->put(view(id, id_bytes), view(der.data(), static_cast<std::size_t>(bytes)));
    OPENSSL_cleanse(der.data(), static_cast<std::size_t>(bytes));
    return 0;
  }

  static SSL_SESSION* on_get_session(SSL* ssl, const unsigned char* id, int id_bytes, int* is_copy) {
    *is_copy = 0;
    std::array<char, TlsSessionStore::kSessionBytesMax> der;
    const std::size_t bytes =
        options_of(ssl).sessions->find(view(id, static_cast<std::size_t>(id_bytes)), der);
    if (bytes == 0) return nullptr;
    const auto* from = reinterpret_cast<const unsigned char*>(der.data());
    SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &from, static_cast<long>(bytes));
    OPENSSL_cleanse(der.data(), bytes);
    return session;
  }

  static void on_remove_session(SSL_CTX* context, SSL_SESSION* session) {
    unsigned id_bytes = 0;
    const unsigned char* id = SSL_SESSION_get_id(session, &id_bytes);
    options_of(context).sessions->remove(view(id, id_bytes));
  }

  // 2: a ticket of an older key, good, and the client gets a new one.
  static int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, int is_encrypting) {
    TlsTicketKeys& keys = *options_of(ssl).ticket_keys;
    const TlsTicketKey& newest = keys.current();
    const TlsTicketKey* key = &newest;
    if (is_encrypting != 0) {
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
      std::ranges::copy(key->name, name);
    } else {
      key = keys.find(view(name, newest.name.size()));
      if (key == nullptr) return 0;
    }
    OSSL_PARAM digest[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_init(mac, key->mac.data(), key->mac.size(), digest) != 1 ||
        EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, is_encrypting) != 1) {
      return -1;
    }
    return is_encrypting != 0 || key->name == keys.current().name ? 1 : 2;
  }

  static void keep_sessions(SSL_CTX* context, const TlsServerContext::Options& options) {
    SSL_CTX_set_timeout(context, options.session_timeout_s);
    if (options.sessions == nullptr) {
      SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    } else {
      SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(context, &on_new_session);
      SSL_CTX_sess_set_get_cb(context, &on_get_session);
      SSL_CTX_sess_set_remove_cb(context, &on_remove_session);
    }
    if (options.ticket_keys == nullptr) {
      SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
      // Without a store they would name nothing.
      if (options.sessions == nullptr) SSL_CTX_set_num_tickets(context, 0);
    } else {
      SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &on_ticket_key);
    }
  }

  static void set_callbacks(SSL_CTX* context) {
    SSL_CTX_set_client_hello_cb(context, &on_client_hello, nullptr);
    SSL_CTX_set_tlsext_servername_callback(context, &on_server_name);
    SSL_CTX_set_cert_cb(context, &on_certificate_needed, nullptr);
    SSL_CTX_set_tlsext_status_cb(context, &on_status_request);
    SSL_CTX_set_alpn_select_cb(context, &on_alpn, nullptr);
  }
};

base::Result<TlsServerContext> TlsServerContext::make(const Options& options) {
  auto impl = std::make_shared<Impl>();
  impl->options = options;
  SSL_CTX* const context = impl->context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr);
  SSL_CTX_set_app_data(context, impl.get());
  // What openssl.cnf of the system says does not count: the versions are those that we were given.
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, 0);
  SSL_CTX_set_options(context, refused_versions(options.versions) | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A short write may be retried from another buffer with the same bytes. An idle client holds no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // Without the finite fields of OpenSSL's list, whose cost a client can choose (CVE-2002-20001).
  CHECK(SSL_CTX_set1_groups_list(context, "X25519:P-256:X448:P-384:P-521") == 1);
  SSL_CTX_set_read_ahead(context, 1);  // a record's head and content by one read
  if (needs_lowest_security(options.versions)) SSL_CTX_set_security_level(context, 0);
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1)
    return base::invalid(last_tls_error("cannot use the ciphers " + options.ciphers));
  TlsServerCallbacks::keep_sessions(context, options);
  TlsServerCallbacks::set_callbacks(context);
  return TlsServerContext(std::move(impl));
}

TlsServerSession::TlsServerSession(const TlsServerContext& context, int fd)
    : OpensslSession(Ssl(SSL_new(context.impl_->context)), fd) {
  SSL_set_app_data(&ssl(), this);
  SSL_set_accept_state(&ssl());
}

}  // namespace apisix::net
