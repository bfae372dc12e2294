// Keyring: the keys of apisix.data_encryption.keyring, which protect secret fields in the store: AES-CBC with
// the key as its own IV, in base64, as APISIX writes it, so that either reads what the other stored. The
// first key encrypts, all are tried to decrypt. An empty keyring leaves texts as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::base {

class Keyring {
 public:
  Keyring() = default;
  // Keys have 16 or 32 bytes, which settings have checked.
  explicit Keyring(std::vector<std::string> keys) : keys_(std::move(keys)) {}

  bool empty() const { return keys_.empty(); }

  std::string encrypt(std::string_view plain) const;
  // kInvalid: no base64, or none of the keys encrypted it.
  Result<std::string> decrypt(std::string_view stored) const;

  // Private keys: only PEM is encrypted, and what is PEM is not decrypted.
  std::string encrypt_pem(std::string_view text) const;
  Result<std::string> decrypt_pem(std::string_view stored) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace apisix::base
