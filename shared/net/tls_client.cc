#include "shared/net/tls_client.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/base/check.h"
#include "shared/base/ip.h"

namespace apisix::net {
namespace {

// What OpenSSL says of its last failure; takes it out of its queue.
std::string last_error(const std::string& doing) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? doing : doing + ": " + reason;
}

}  // namespace

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
  // A short write may be tried again from another place of the same text.
  SSL_CTX_set_mode(impl->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(impl->context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!options.verify) return TlsClientContext(std::move(impl));
  const bool loaded = options.ca_file.empty() ? SSL_CTX_set_default_verify_paths(impl->context) == 1
                                              : SSL_CTX_load_verify_locations(
                                                    impl->context, options.ca_file.c_str(), nullptr) == 1;
  if (!loaded) return base::invalid(last_error("cannot read trusted certificates of " + options.ca_file));
  return TlsClientContext(std::move(impl));
}

struct TlsClient::Impl {
  std::shared_ptr<TlsClientContext::Impl> context;
  SSL* ssl = nullptr;
  bool wants_write = false;
  std::string error;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { SSL_free(ssl); }
};

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;
TlsClient::~TlsClient() = default;

base::Result<TlsClient> TlsClient::start(const TlsClientContext& context, int fd,
                                         const std::string& server_name) {
  auto impl = std::make_unique<Impl>();
  impl->context = context.impl_;
  impl->ssl = SSL_new(context.impl_->context);
  if (impl->ssl == nullptr || SSL_set_fd(impl->ssl, fd) != 1) {
    return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway,
                      last_error("cannot begin a TLS session"));
  }
  SSL_set_connect_state(impl->ssl);
  const auto ip = base::IpAddress::parse(server_name);
  bool named = true;
  if (!ip) named = SSL_set_tlsext_host_name(impl->ssl, server_name.c_str()) == 1;
  if (context.impl_->verify && ip) {
    const std::string address = ip->to_string();
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(impl->ssl), address.c_str()) == 1;
  } else if (context.impl_->verify) {
    named = named && SSL_set1_host(impl->ssl, server_name.c_str()) == 1;
  }
  if (!named) return base::invalid(last_error("cannot ask for the server name " + server_name));
  return TlsClient(std::move(impl));
}

IoResult TlsClient::result_of(int returned) {
  const int why = SSL_get_error(impl_->ssl, returned);
  impl_->wants_write = why == SSL_ERROR_WANT_WRITE;
  switch (why) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::kClosed, 0, 0};
    case SSL_ERROR_SYSCALL:
      impl_->error = errno != 0 ? std::strerror(errno) : "closed";
      ERR_clear_error();
      return {IoResult::Kind::kError, 0, errno};
    default:
      break;
  }
  const long verified = SSL_get_verify_result(impl_->ssl);
  impl_->error = verified == X509_V_OK ? last_error("TLS") : X509_verify_cert_error_string(verified);
  ERR_clear_error();
  return {IoResult::Kind::kError, 0, EPROTO};
}

IoResult TlsClient::shake_hands() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(impl_->ssl);
  return returned == 1 ? IoResult{IoResult::Kind::kDone, 0, 0} : result_of(returned);
}

IoResult TlsClient::read(std::span<char> into) {
  ERR_clear_error();
  std::size_t got = 0;
  const int returned = SSL_read_ex(impl_->ssl, into.data(), into.size(), &got);
  return returned == 1 ? IoResult{IoResult::Kind::kDone, got, 0} : result_of(returned);
}

IoResult TlsClient::write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t sent = 0;
  const int returned = SSL_write_ex(impl_->ssl, bytes.data(), bytes.size(), &sent);
  return returned == 1 ? IoResult{IoResult::Kind::kDone, sent, 0} : result_of(returned);
}

bool TlsClient::wants_write() const {
  return impl_->wants_write;
}

const std::string& TlsClient::error() const {
  return impl_->error;
}

}  // namespace apisix::net
