// Any bytes as an OCSP response: what is shown to clients when it is verified is shown unverified too, and
// never without a word. The responses of the corpus are about the certificate here.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shared/net/tls_ocsp.h"

namespace {

// Of an authority of its own; for 100 years.
constexpr std::string_view kChain =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBnDCCAUOgAwIBAgICEAEwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJYXV0aG9y\n"
    "aXR5MCAXDTI2MTEzMDIxMjgzNVoYDzIxMjYxMTA2MjEyODM1WjATMREwDwYDVQQD\n"
    "DAh0ZXN0LmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABF3eXPOhLB0aMtO3\n"
    "mJ6JMgpWJWGl3g9cebltt+JFZRX1QLoyuhewSYFMVwZbco3Jo7egkRgl99VLYUcP\n"
    "UvespJWjgYMwgYAwHQYDVR0OBBYEFAzneo4DtsIFs82jz7+Rx/6Q3LfRMB8GA1Ud\n"
    "IwQYMBaAFA8EhhaAT0WcU1gXLFTsFqAN4T2ZMA8GA1UdEwEB/wQFMAMBAf8wLQYI\n"
    "KwYBBQUHAQEEITAfMB0GCCsGAQUFBzABhhFodHRwOi8vMTI3LjAuMC4xLzAKBggq\n"
    "hkjOPQQDAgNHADBEAiAW4xNWndiEBKJemixzL/RHS0TDTCRoXDV5kKR6sg4eNAIg\n"
    "DQya5lbAUP40k93pOX926v9wZtmif3IZvhJxb68AFlU=\n"
    "-----END CERTIFICATE-----\n"
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfjCCASWgAwIBAgIUUEaZZOrZZc0R2VR84Sp+v571+IgwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEzMDIxMjgzNVoYDzIxMjYxMTA2\n"
    "MjEyODM1WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATOPKlIILK3gR5tj0AF4ZhNZIRahHlE1o8DQLUnjCaFNAqju/bFySzi\n"
    "6xddiUm1M1w4qLbKat4/WKkvdSn+SMopo1MwUTAdBgNVHQ4EFgQUDwSGFoBPRZxT\n"
    "WBcsVOwWoA3hPZkwHwYDVR0jBBgwFoAUDwSGFoBPRZxTWBcsVOwWoA3hPZkwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBkkRUzqcyYnNsHK0aTvNPp\n"
    "6nuRkXeikVd0lRuYbuqoZAIgR7lQN8qv/pJEvGf6e4P0XDDWWEX14xVHRe7A2E/z\n"
    "Tlw=\n"
    "-----END CERTIFICATE-----\n";
constexpr std::string_view kKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgz9cvC1G9IVOuGeEj\n"
    "1x941PFnbeZE4268LiEy85II2FWhRANCAARd3lzzoSwdGjLTt5ieiTIKViVhpd4P\n"
    "XHm5bbfiRWUV9UC6MroXsEmBTFcGW3KNyaO3oJEYJffVS2FHD1L3rKSV\n"
    "-----END PRIVATE KEY-----\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto certificate = apisix::net::TlsCertificate::from_pem(kChain, kKey);
  if (!certificate) std::abort();
  const std::string_view der(reinterpret_cast<const char*>(data), size);
  const auto verified = apisix::net::check_ocsp_response(der, *certificate, true);
  const auto unverified = apisix::net::check_ocsp_response(der, *certificate, false);
  if (verified && !unverified) std::abort();
  if (!verified && verified.error().what.empty()) std::abort();
  if (!unverified && unverified.error().what.empty()) std::abort();
  return 0;
}
