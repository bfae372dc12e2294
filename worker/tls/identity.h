// Identity: what the gateway shows to clients for one `ssls` object, and what it asks of them: certificates
// with their keys, protocols, the client policy. Built at its first use, immutable but for the OCSP responses
// that arrive later; a handshake keeps the one it started with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"
#include "shared/format/regex.h"
#include "shared/net/tls_certificate.h"
#include "shared/net/tls_version.h"

namespace apisix::tls {

// `client` of the object: which certificate a client must show.
class ClientPolicy {
 public:
  ClientPolicy(net::TlsTrust trust, unsigned depth, std::vector<format::LazyRegex> skipped)
      : trust_(std::move(trust)), depth_(depth), skipped_(std::move(skipped)) {}

  const net::TlsTrust& trust() const { return trust_; }
  // For SSL_set_verify_depth().
  unsigned depth() const { return depth_; }
  // Without skip_mtls_uri_regex a handshake without a valid certificate fails; with it the certificate is
  // asked for, and each request whose URI is not skipped needs that it was valid.
  bool verifies_in_handshake() const { return skipped_.empty(); }
  // `uri`: decoded and normalized, as $uri. A match that gave up skips nothing.
  bool skips(std::string_view uri, format::RegexBudget& budget) const;

 private:
  net::TlsTrust trust_;
  unsigned depth_;
  std::vector<format::LazyRegex> skipped_;
};

// One certificate of an object and the OCSP response that is stapled to it.
struct ShownCertificate {
  net::TlsCertificate certificate;
  // DER; "": none, not asked for, or the last one is too old.
  mutable std::string ocsp_response = {};
};

// What an Identity is made of.
struct IdentityParts {
  std::string id = {};
  std::uint64_t serial = 0;
  std::vector<ShownCertificate> certificates = {};  // one at least
  bool is_client = false;                           // of type client: shown to nodes
  net::TlsVersions protocols = 0;                   // 0: those of apisix.ssl.ssl_protocols
  std::unique_ptr<const ClientPolicy> client_policy = nullptr;
};

class Identity : public base::Counted<Identity> {
 public:
  explicit Identity(IdentityParts parts) : parts_(std::move(parts)) {}

  // Of the `ssls` object.
  const std::string& id() const { return parts_.id; }
  // Made of all that the object says, the same in every worker and after a reload; another as soon as the
  // certificate, the key, the protocols or the client policy is another. A session is resumed only under the
  // serial that it was made under.
  std::uint64_t serial() const { return parts_.serial; }
  const std::vector<ShownCertificate>& certificates() const { return parts_.certificates; }
  bool is_client() const { return parts_.is_client; }
  net::TlsVersions protocols() const { return parts_.protocols; }
  // Null: no certificate is asked for.
  const ClientPolicy* client_policy() const { return parts_.client_policy.get(); }
  // When the first of the certificates ends, Unix time in seconds.
  std::int64_t ends_at_s() const;
  // DER, for the certificate that the session shows (SSL_get_certificate()); "": none is stapled.
  std::string_view ocsp_response(const x509_st* shown) const;

 private:
  const IdentityParts parts_;
};

}  // namespace apisix::tls
