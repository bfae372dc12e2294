// A certificate made for these tests, with a name that is no ASCII and holds a comma; its key is lost. Valid
// from Nov 30 20:53:43 2026 GMT for 20,000 days.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/base64.h"

namespace apisix::base {

inline constexpr std::int64_t kCertificateEndS = 3'524'072'023;  // Sep  2 20:53:43 2081 GMT

inline constexpr std::string_view kCertificatePem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBvTCCAWKgAwIBAgIDChssMAoGCCqGSM49BAMCMDsxCzAJBgNVBAYTAkRFMRcw\n"
    "FQYDVQQKDA5FeMOkbXBsZSwgSW5jLjETMBEGA1UEAwwKY2xpZW50IG9uZTAgFw0y\n"
    "NjExMzAyMDUzNDNaGA8yMDgxMDkwMjIwNTM0M1owOzELMAkGA1UEBhMCREUxFzAV\n"
    "BgNVBAoMDkV4w6RtcGxlLCBJbmMuMRMwEQYDVQQDDApjbGllbnQgb25lMFkwEwYH\n"
    "KoZIzj0CAQYIKoZIzj0DAQcDQgAE993c21CjUZ6EA3upMxTy38yV0mhbBE7D/mk3\n"
    "eSy7+mbv122sD4vToknktRURbuySHZ7Da6LRwlVAZXzYn43xhqNTMFEwHQYDVR0O\n"
    "BBYEFL7dBc4y3jQJVSd7hygj4Ale0UC9MB8GA1UdIwQYMBaAFL7dBc4y3jQJVSd7\n"
    "hygj4Ale0UC9MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAPZT\n"
    "dttoqoF+cQwp2MTZ0/sDt2E0Up+x5PEpDf+A7nJyAiEAmNU2ANH8vKVL4bVVRgHr\n"
    "8cPqb1E8m5MtD/F8JHvgblk=\n"
    "-----END CERTIFICATE-----\n";

inline std::string certificate_der() {
  std::string text;
  for (const char c : kCertificatePem.substr(27, kCertificatePem.size() - 27 - 26)) {
    if (c != '\n') text += c;
  }
  return decode_base64(text).value();
}

}  // namespace apisix::base
