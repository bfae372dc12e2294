// The cryptography that rooms below the network need. OpenSSL is named only in crypto*.cc; its types do not
// leave them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace apisix::base {

// Takes the same time wherever two texts of one length differ. For keys, tokens and signatures.
bool equals_in_constant_time(std::string_view a, std::string_view b);

// AES in CBC mode with PKCS#7 padding. `key` has 16 (AES-128) or 32 (AES-256) bytes, `iv` has 16.
Result<std::string> encrypt_aes_cbc(std::string_view key, std::string_view iv, std::string_view plain);
// kInvalid: not what this key encrypted.
Result<std::string> decrypt_aes_cbc(std::string_view key, std::string_view iv, std::string_view encrypted);

// Is this one certificate in PEM, with its chain behind it or not? The error is APISIX's text.
Status check_certificate_pem(std::string_view pem);
// Until when is the first certificate of the PEM valid? Unix time in seconds.
Result<std::int64_t> certificate_end(std::string_view pem);
// One private key in PEM without a passphrase.
Status check_private_key_pem(std::string_view pem);
// Is the private key that of the first certificate? Of two that the checks above find good; false for others.
bool is_key_of_certificate(std::string_view key_pem, std::string_view certificate_pem);

}  // namespace apisix::base
