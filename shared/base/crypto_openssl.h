// What every file that calls OpenSSL needs: owners of its objects, and PEM texts read and written. Included
// by shared/base/crypto* and shared/net/tls_* only.
#pragma once

#include <cstdint>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "shared/base/check.h"

namespace apisix::base {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

// To read `text`, which outlives it. What is larger than OpenSSL can take reads as empty.
inline Bio bio_of(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) text = {};
  Bio bio(BIO_new_mem_buf(text.empty() ? "" : text.data(), static_cast<int>(text.size())));
  CHECK(bio != nullptr);
  return bio;
}

// What `write` writes into a BIO; "" when it returns no positive number.
template <typename Write>
std::string written_by(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) <= 0) {
    ERR_clear_error();
    return {};
  }
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return bytes > 0 ? std::string(text, static_cast<std::size_t>(bytes)) : std::string();
}

// Never asks the terminal for a passphrase.
inline int no_passphrase(char*, int, int, void*) {
  return 0;
}

// What stopped the reading of a PEM text is its end, and not something that cannot be read. Takes the reason
// out of OpenSSL's queue.
inline bool is_end_of_pem() {
  const auto error = ERR_peek_last_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// In seconds since 1970.
inline std::optional<std::int64_t> unix_time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&parts));
}

}  // namespace apisix::base
