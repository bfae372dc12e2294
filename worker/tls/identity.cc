#include "worker/tls/identity.h"

#include <algorithm>
#include <limits>

namespace apisix::tls {

bool ClientPolicy::skips(std::string_view uri, format::RegexBudget& budget) const {
  return std::ranges::any_of(skipped_, [&](const format::LazyRegex& pattern) {
    return pattern.match(uri, budget) == format::Match::kYes;
  });
}

std::int64_t Identity::ends_at_s() const {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (const ShownCertificate& own : parts_.certificates) {
    first = std::min(first, own.certificate.ends_at_s());
  }
  return first;
}

std::string_view Identity::ocsp_response(const x509_st* shown) const {
  for (const ShownCertificate& own : parts_.certificates) {
    if (own.certificate.is_leaf(shown)) return own.ocsp_response;
  }
  return {};
}

}  // namespace apisix::tls
