#include "shared/net/tls_client.h"

#include <utility>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/base/check.h"
#include "shared/base/ip.h"
#include "shared/net/tls_openssl.h"

namespace apisix::net {
namespace {

// Of a process, which is one thread.
std::uint64_t next_serial() {
  static std::uint64_t last = 0;
  return ++last;
}

// Where an SSL object has its TlsResumption.
int resumption_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

void TlsResumption::Free::operator()(ssl_session_st* session) const {
  SSL_SESSION_free(session);
}

void TlsClientContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

TlsClientContext::TlsClientContext(Options options)
    : options_(std::move(options)), serial_(next_serial()), context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* const context = context_.get();
  CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A short write may be retried from another buffer with the same bytes; an idle connection has no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // One system call for a record's head and content, instead of one for each.
  SSL_CTX_set_read_ahead(context, 1);
  // Of TLS 1.2, which would make a read wait for a write.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  if (options_.takes_bare_end) SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_verify(context, options_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  // Sessions are kept by who connects: OpenSSL's own cache knows no server.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsClientContext::on_new_session);
}

TlsClientContext::~TlsClientContext() = default;

base::Result<base::Ref<const TlsClientContext>> TlsClientContext::make(const Options& options,
                                                                       const Parts& parts) {
  base::Ref<TlsClientContext> out(new TlsClientContext(options));
  for (const TlsCertificate* const certificate : parts.certificates) {
    if (auto status = certificate->use_in(*out->context_); !status) return std::unexpected(status.error());
  }
  if (options.verify) {
    if (auto status = out->trust(parts.trusted); !status) return std::unexpected(status.error());
  }
  return base::Ref<const TlsClientContext>(out.get());
}

base::Status TlsClientContext::trust(x509_store_st* trusted) {
  if (trusted != nullptr) {
    SSL_CTX_set1_cert_store(context_.get(), trusted);
    return {};
  }
  const std::string& file = options_.ca_file;
  const bool is_read = file.empty()
                           ? SSL_CTX_set_default_verify_paths(context_.get()) == 1
                           : SSL_CTX_load_verify_locations(context_.get(), file.c_str(), nullptr) == 1;
  if (!is_read) return base::invalid(last_tls_error("cannot read trusted certificates of " + file));
  return {};
}

x509_store_st* TlsClientContext::trusted() const {
  return options_.verify ? SSL_CTX_get_cert_store(context_.get()) : nullptr;
}

// With TLS 1.3 tickets come behind the handshake, and each is good for one connection (RFC 8446 C.4): the
// newest is kept. Returns whether the session is ours now.
int TlsClientContext::on_new_session(ssl_st* ssl, ssl_session_st* session) {
  auto* const resumption = static_cast<TlsResumption*>(SSL_get_ex_data(ssl, resumption_index()));
  if (resumption == nullptr) return 0;
  resumption->session_.reset(session);
  return 1;
}

// RFC 6066 3: an address is no server name, and a name is 255 bytes at most. An address is checked all the
// same (RFC 9110 4.3.5). A check of "" would be none at all.
base::Status TlsClientContext::name_server(ssl_st& ssl, std::string_view server_name) const {
  const std::string name(server_name);
  const auto ip = base::IpAddress::parse(server_name);
  bool is_named = server_name.find('\0') == std::string_view::npos && (!options_.verify || !name.empty());
  if (is_named && !ip && options_.sends_name && !name.empty()) {
    is_named = SSL_set_tlsext_host_name(&ssl, name.c_str()) == 1;
  }
  if (is_named && options_.verify) {
    is_named = ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&ssl), ip->to_string().c_str()) == 1
                  : SSL_set1_host(&ssl, name.c_str()) == 1;
  }
  if (is_named) return {};
  // A client may have chosen it: it says nothing about the server.
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kGateway,
                    last_tls_error("\"" + name.substr(0, 300) + "\" cannot be a server name of TLS"));
}

base::Result<std::unique_ptr<TlsSession>> TlsClientContext::start_session(int fd, const Start& start) const {
  OpensslSession::Ssl ssl(SSL_new(context_.get()));
  if (ssl == nullptr) {
    return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway,
                      last_tls_error("cannot begin a TLS session"));
  }
  SSL_set_connect_state(ssl.get());
  if (auto status = name_server(*ssl, start.server_name); !status) return std::unexpected(status.error());
  if (!start.alpn.empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(start.alpn.data()),
                        static_cast<unsigned>(start.alpn.size()));
  }
  if (start.resumption != nullptr) {
    SSL_set_ex_data(ssl.get(), resumption_index(), start.resumption);
    SSL_SESSION* const known = start.resumption->session_.get();
    if (known != nullptr && SSL_SESSION_is_resumable(known) == 1) SSL_set_session(ssl.get(), known);
  }
  return std::make_unique<OpensslSession>(std::move(ssl), fd);
}

}  // namespace apisix::net
