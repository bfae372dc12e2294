// VerifiedTokens: which signatures were verified lately, so that a token that comes with every request of its
// client costs one verification with a public key, not one each. It remembers a fact that cannot change (this
// text was signed with this key) and nothing else: the consumer is looked up, and the claims and the clock
// are compared, for every request, so a consumer that is revoked and a token that expires fail at once. A
// refusal is not remembered. One per worker (Deps::shared()): constant memory, the latest of a place stays.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "shared/base/sip_hash.h"
#include "worker/plugin/deps.h"

namespace apisix::plugins {

class VerifiedTokens {
 public:
  static constexpr std::size_t kPlaces = 2048;

  VerifiedTokens() = default;
  explicit VerifiedTokens(plugin::Deps&) {}

  // A number that no other key of this worker has or had.
  std::uint64_t new_key() { return ++keys_; }

  // Whether `verify()` says that the whole `token`, signature included, is signed with the key of that
  // number: asked only while that is not remembered.
  template <typename Verify>
  bool is_signed(std::string_view token, std::uint64_t key, Verify&& verify) {
    const Place wanted{base::sip_hash_24(token, secret_), key};
    Place& place = places_[(wanted.token.low ^ key) % kPlaces];
    if (place == wanted) return true;
    if (!verify()) return false;
    place = wanted;
    return true;
  }

 private:
  struct Place {
    base::Hash128 token;    // a second text of it cannot be searched for: the hash has a secret
    std::uint64_t key = 0;  // 0: free

    bool operator==(const Place&) const = default;
  };

  const base::SipKey secret_ = base::SipKey::random();
  std::uint64_t keys_ = 0;
  std::array<Place, kPlaces> places_{};
};

}  // namespace apisix::plugins
