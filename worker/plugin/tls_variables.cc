#include "worker/plugin/tls_variables.h"

#include <optional>
#include <string_view>

#include "shared/base/crypto_certificate.h"

namespace apisix::plugin {
namespace {

using route::VariableKind;

// A PEM in a header field would end the field: nginx begins each further line with a tab, and leaves the last
// newline out. Deprecated there, but what is configured for years.
std::string folded_pem(std::string_view pem) {
  if (pem.ends_with('\n')) pem.remove_suffix(1);
  std::string out;
  for (const char c : pem) {
    out += c;
    if (c == '\n') out += '\t';
  }
  return out;
}

// NGX_ESCAPE_URI_COMPONENT: all but what RFC 3986 2.3 calls unreserved.
std::string escaped_pem(std::string_view pem) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : pem) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0x0f];
  }
  return out;
}

std::string certificate_text(const base::CertificateFields& certificate, VariableKind kind,
                             std::int64_t now_s) {
  switch (kind) {
    case VariableKind::kSslClientCert:
      return folded_pem(certificate.pem());
    case VariableKind::kSslClientRawCert:
      return certificate.pem();
    case VariableKind::kSslClientEscapedCert:
      return escaped_pem(certificate.pem());
    case VariableKind::kSslClientSDn:
      return certificate.subject();
    case VariableKind::kSslClientIDn:
      return certificate.issuer();
    case VariableKind::kSslClientSDnLegacy:
      return certificate.subject_legacy();
    case VariableKind::kSslClientIDnLegacy:
      return certificate.issuer_legacy();
    case VariableKind::kSslClientSerial:
      return certificate.serial();
    case VariableKind::kSslClientFingerprint:
      return certificate.sha1();
    case VariableKind::kSslClientVStart:
      return certificate.valid_from();
    case VariableKind::kSslClientVEnd:
      return certificate.valid_until();
    case VariableKind::kSslClientVRemain:
      return std::to_string(certificate.days_left(now_s));
    default:
      return {};
  }
}

std::string session_text(const net::TlsFacts& facts, VariableKind kind) {
  switch (kind) {
    case VariableKind::kSslSessionId:
      return facts.session_id();
    case VariableKind::kSslEarlyData:
      return facts.is_early() ? "1" : "";
    case VariableKind::kSslCurve:
      return facts.curve();
    case VariableKind::kSslCurves:
      return facts.client_curves();
    case VariableKind::kSslCiphers:
      return facts.client_ciphers();
    default:
      return {};
  }
}

}  // namespace

std::string tls_variable_text(const net::TlsInfo& tls, VariableKind kind, std::int64_t now_s) {
  switch (kind) {
    case VariableKind::kSslServerName:
      return std::string(tls.sni);
    case VariableKind::kSslProtocol:
      return std::string(tls.version);
    case VariableKind::kSslCipher:
      return std::string(tls.cipher);
    case VariableKind::kSslAlpnProtocol:
      return std::string(tls.alpn);
    case VariableKind::kSslClientVerify:
      return std::string(tls.peer_verified);
    case VariableKind::kSslSessionReused:
      return tls.is_resumed ? "r" : ".";
    case VariableKind::kSslSessionId:
    case VariableKind::kSslEarlyData:
    case VariableKind::kSslCurve:
    case VariableKind::kSslCurves:
    case VariableKind::kSslCiphers:
      return tls.facts != nullptr ? session_text(*tls.facts, kind) : std::string();
    default:
      break;
  }
  if (tls.peer_certificate.empty()) return {};
  const auto certificate = base::CertificateFields::from_der(tls.peer_certificate);
  return certificate ? certificate_text(*certificate, kind, now_s) : std::string();
}

}  // namespace apisix::plugin
