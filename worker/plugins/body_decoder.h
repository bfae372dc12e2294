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
    kGood,      // all of `data` is taken
    kFull,      // `out` got all that it may; there may be more, even when `data` is empty by now
    kNotCoded,  // the first bytes are not of this coding: the body was mislabelled, nothing was decoded
    kBroken     // damaged on its way
  };

  BodyDecoder() = default;
  virtual ~BodyDecoder() = default;
  BodyDecoder(const BodyDecoder&) = delete;
  BodyDecoder& operator=(const BodyDecoder&) = delete;

  // For "gzip", "deflate" and "br"; null for a coding that is not known.
  static std::unique_ptr<BodyDecoder> make(std::string_view coding);

  // Appends at most `room` bytes to `out`, and takes what it has read from the front of `data`. `room`: not
  // 0. Not to be called again after kNotCoded or kBroken.
  virtual Result decode(std::string_view& data, std::size_t room, std::string& out) = 0;
  // The coded body has come to its own end.
  virtual bool is_complete() const = 0;
};

}  // namespace apisix::plugins
