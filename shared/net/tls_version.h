// Versions of TLS as bits, and their names in config.yaml and in `ssl_protocols` of objects.
#pragma once

#include <cstdint>
#include <string_view>

namespace apisix::net {

// 0 where they are optional: those of the context.
using TlsVersions = std::uint8_t;
inline constexpr TlsVersions kTls11 = 1;
inline constexpr TlsVersions kTls12 = 2;
inline constexpr TlsVersions kTls13 = 4;
inline constexpr TlsVersions kTls10 = 8;

// 0: there is none of this name (SSLv3 is none that OpenSSL has).
constexpr TlsVersions tls_version_named(std::string_view name) {
  if (name == "TLSv1") return kTls10;
  if (name == "TLSv1.1") return kTls11;
  if (name == "TLSv1.2") return kTls12;
  return name == "TLSv1.3" ? kTls13 : TlsVersions{0};
}

}  // namespace apisix::net
