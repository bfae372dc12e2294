#include "worker/upstream/tls_target.h"

#include "shared/base/sip_hash.h"

namespace apisix::upstream {

std::uint64_t TlsTarget::identity() const {
  static const base::SipKey key = base::SipKey::random();
  const std::uint64_t of_name = base::sip_hash_13(server_name, key).low;
  // Two of a few values, which are no client's to choose.
  const std::uint64_t mixed = of_name ^ (context->serial() * 0x9e3779b97f4a7c15U) ^ (alpn.size() << 56);
  return mixed != 0 ? mixed : 1;
}

}  // namespace apisix::upstream
