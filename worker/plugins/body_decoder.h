// BodyDecoder: takes a content coding off a response's body, piece by piece, for a plugin that has to read
// it. How much it may make of one body is the caller's to say: a few bytes can stand for gigabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace apisix::plugins {

class BodyDecoder {
 public:
  enum class Result : std::uint8_t {
    kGood,
    kTooLong,   // `out` holds bytes_max bytes and there is more
    kNotCoded,  // the first bytes are not of this coding: the body was mislabelled, nothing was decoded
    kBroken     // damaged on its way
  };

  BodyDecoder() = default;
  virtual ~BodyDecoder() = default;
  BodyDecoder(const BodyDecoder&) = delete;
  BodyDecoder& operator=(const BodyDecoder&) = delete;

  // For "gzip", "deflate" and "br"; null for a coding that is not known.
  static std::unique_ptr<BodyDecoder> make(std::string_view coding);

  // Appends to `out`, which never gets longer than `bytes_max`. Not to be called again after another result
  // than kGood.
  virtual Result decode(std::string_view data, std::size_t bytes_max, std::string& out) = 0;
  // The coded body has come to its own end.
  virtual bool is_complete() const = 0;
};

}  // namespace apisix::plugins
