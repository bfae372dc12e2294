#include "shared/net/tls_openssl.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/net/tls_bio.h"

namespace apisix::net {
namespace {

// A record's content (RFC 8446 5.1). More in one call would be split into records all the same.
constexpr std::size_t kRecordBytesMax = 16 * 1024;

// The content of the next record: what is behind the first `skip` bytes of `pieces`. In place when one piece
// fills it or is all that is left, else copied together, so that a head and a small body are one record. It
// is never shorter when the same bytes are offered again, which is what OpenSSL asks of a repeated write.
std::string_view next_record(std::span<const iovec> pieces, std::size_t skip,
                             std::array<char, kRecordBytesMax>& into) {
  std::size_t filled = 0;
  for (const iovec& piece : pieces) {
    const std::size_t skipped = std::min(skip, piece.iov_len);
    skip -= skipped;
    const std::string_view rest(static_cast<const char*>(piece.iov_base) + skipped, piece.iov_len - skipped);
    const bool is_last = &piece == &pieces.back();
    if (filled == 0 && (is_last || rest.size() >= into.size())) return rest.substr(0, into.size());
    const std::size_t part = std::min(rest.size(), into.size() - filled);
    std::memcpy(into.data() + filled, rest.data(), part);
    filled += part;
    if (filled == into.size()) break;
  }
  return {into.data(), filled};
}

// A failure of before, of anything that uses OpenSSL here, would be taken for one of the call that follows.
void clear_errors() {
  if (ERR_peek_error() != 0) [[unlikely]]
    ERR_clear_error();
}

}  // namespace

std::string last_tls_error(const std::string& doing) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? doing : doing + ": " + reason;
}

// As if both sides had said their end: a connection that just ends does not make its session unfit for the
// next one (a fatal alert did, when there was one).
void OpensslSession::Free::operator()(ssl_st* ssl) const {
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
}

OpensslSession::OpensslSession(Ssl ssl, int fd) : wire_(fd), ssl_(std::move(ssl)) {
  BIO* const bio = make_tls_bio(wire_);
  SSL_set_bio(ssl_.get(), bio, bio);
}

IoResult OpensslSession::result_of(int returned) {
  const int error_number = errno;
  const int why = SSL_get_error(ssl_.get(), returned);
  wants_write_ = why == SSL_ERROR_WANT_WRITE;
  switch (why) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::kClosed, 0, 0};
    case SSL_ERROR_SYSCALL:
      is_broken_ = true;
      texts().error = error_number != 0 ? std::strerror(error_number) : "closed";
      ERR_clear_error();
      return {IoResult::Kind::kError, 0, error_number};
    default:
      break;
  }
  is_broken_ = true;
  const long verified = SSL_get_verify_result(ssl_.get());
  const bool is_about_certificate = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  texts().error = is_about_certificate && verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                                                                : last_tls_error("TLS");
  ERR_clear_error();
  return {IoResult::Kind::kError, 0, EPROTO};
}

IoResult OpensslSession::handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned != 1) return result_of(returned);
  has_more_ = SSL_has_pending(ssl_.get()) == 1;
  return {IoResult::Kind::kDone, 0, 0};
}

IoResult OpensslSession::read(std::span<char> into) {
  if (failure_.kind != IoResult::Kind::kAgain) [[unlikely]] {
    has_more_ = false;
    return failure_;
  }
  clear_errors();
  std::size_t filled = 0;
  int returned = 1;
  do {
    std::size_t got = 0;
    returned = SSL_read_ex(ssl_.get(), into.data() + filled, into.size() - filled, &got);
    filled += got;
    wire_.hold_receives(true);
    has_more_ = returned == 1 && SSL_has_pending(ssl_.get()) == 1;
  } while (has_more_ && filled < into.size());
  wire_.hold_receives(false);
  if (returned == 1) return {IoResult::Kind::kDone, filled, 0};
  const IoResult result = result_of(returned);
  // What waits for a write may have its records here already: no event calls for the read behind it.
  has_more_ = result.kind == IoResult::Kind::kAgain && wants_write_;
  if (filled == 0) return result;
  // The records come first; what is behind them, with the next read, which no event may call for.
  if (result.kind == IoResult::Kind::kAgain) return {IoResult::Kind::kDone, filled, 0};
  failure_ = result;
  has_more_ = true;
  return {IoResult::Kind::kDone, filled, 0};
}

// OpenSSL never has half a record on its way: it could not respond to a request for new keys then (it fails
// with BAD_WRITE_RETRY). What the socket does not take is kept by the wire, and its content counts as not
// taken until it left.
IoResult OpensslSession::write(std::span<const iovec> pieces) {
  if (const IoResult left = wire_.send_rest(); !left.done()) return left;
  std::array<char, kRecordBytesMax> gathered;
  std::size_t taken = std::exchange(sealed_bytes_, 0);
  for (;;) {
    const std::string_view content = next_record(pieces, taken, gathered);
    if (content.empty()) return {IoResult::Kind::kDone, taken, 0};
    clear_errors();
    std::size_t sent = 0;
    wire_.keep_rest(true);
    const int returned = SSL_write_ex(ssl_.get(), content.data(), content.size(), &sent);
    wire_.keep_rest(false);
    IoResult result;
    if (returned != 1) {
      result = result_of(returned);
    } else if (wire_.has_rest()) {
      wants_write_ = true;
      sealed_bytes_ = sent;
    } else {
      taken += sent;
      continue;
    }
    const bool is_short = result.kind == IoResult::Kind::kAgain && taken > 0;
    return is_short ? IoResult{IoResult::Kind::kDone, taken, 0} : result;
  }
}

void OpensslSession::shutdown() {
  if (is_broken_ || SSL_is_init_finished(ssl_.get()) == 0) return;
  if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

const TlsInfo& OpensslSession::info() {
  if (has_info_ || SSL_is_init_finished(ssl_.get()) == 0) return info_;
  has_info_ = true;
  info_.facts = &facts_;
  const auto text = [](const char* c_string) {
    return std::string_view(c_string == nullptr ? "" : c_string);
  };
  info_.sni = text(SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name));
  info_.version = text(SSL_get_version(ssl_.get()));
  info_.cipher = text(SSL_get_cipher_name(ssl_.get()));
  const unsigned char* protocol = nullptr;
  unsigned protocol_bytes = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &protocol_bytes);
  info_.alpn = {reinterpret_cast<const char*>(protocol), protocol_bytes};
  info_.is_resumed = SSL_session_reused(ssl_.get()) == 1;
  if (X509* certificate = SSL_get0_peer_certificate(ssl_.get()); certificate != nullptr)
    note_peer(*certificate);
  return info_;
}

void OpensslSession::note_peer(X509& certificate) {
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(&certificate, &der);
  if (bytes > 0)
    texts().peer_certificate.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
  OPENSSL_free(der);
  info_.peer_certificate = texts().peer_certificate;
  long verified = SSL_get_verify_result(ssl_.get());
  // A resumed session's certificate was verified when the session was made, which may be long ago.
  if (verified == X509_V_OK && X509_cmp_current_time(X509_get0_notAfter(&certificate)) <= 0)
    verified = X509_V_ERR_CERT_HAS_EXPIRED;
  if (verified == X509_V_OK) {
    info_.peer_verified = "SUCCESS";
  } else {
    texts().verify_failure = std::string("FAILED:") + X509_verify_cert_error_string(verified);
    info_.peer_verified = texts().verify_failure;
  }
}

OpensslSession::Texts& OpensslSession::texts() {
  if (texts_ == nullptr) texts_ = std::make_unique<Texts>();
  return *texts_;
}

}  // namespace apisix::net
