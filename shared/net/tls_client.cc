#include "shared/net/tls_client.h"

#include <utility>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/base/check.h"
#include "shared/base/ip.h"
#include "shared/net/tls_openssl.h"

namespace apisix::net {

struct TlsClientContext::Impl {
  SSL_CTX* context = nullptr;
  bool verify = true;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { SSL_CTX_free(context); }
};

base::Result<TlsClientContext> TlsClientContext::make(const Options& options) {
  auto impl = std::make_shared<Impl>();
  impl->context = SSL_CTX_new(TLS_client_method());
  CHECK(impl->context != nullptr);
  impl->verify = options.verify;
  SSL_CTX_set_min_proto_version(impl->context, TLS1_2_VERSION);
  // A short write may be retried from another buffer with the same bytes.
  SSL_CTX_set_mode(impl->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(impl->context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!options.verify) return TlsClientContext(std::move(impl));
  const bool loaded = options.ca_file.empty() ? SSL_CTX_set_default_verify_paths(impl->context) == 1
                                              : SSL_CTX_load_verify_locations(
                                                    impl->context, options.ca_file.c_str(), nullptr) == 1;
  if (!loaded) return base::invalid(last_tls_error("cannot read trusted certificates of " + options.ca_file));
  return TlsClientContext(std::move(impl));
}

base::Result<std::unique_ptr<TlsSession>> TlsClientContext::start_session(
    int fd, const std::string& server_name) const {
  OpensslSession::Ssl ssl(SSL_new(impl_->context));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) {
    return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway,
                      last_tls_error("cannot begin a TLS session"));
  }
  SSL_set_connect_state(ssl.get());
  const auto ip = base::IpAddress::parse(server_name);
  bool named = true;
  if (!ip) named = SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) == 1;
  if (impl_->verify && ip) {
    const std::string address = ip->to_string();
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), address.c_str()) == 1;
  } else if (impl_->verify) {
    named = named && SSL_set1_host(ssl.get(), server_name.c_str()) == 1;
  }
  if (!named) return base::invalid(last_tls_error("cannot ask for the server name " + server_name));
  return std::make_unique<OpensslSession>(std::move(ssl));
}

}  // namespace apisix::net
