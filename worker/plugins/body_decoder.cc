#include "worker/plugins/body_decoder.h"

#include <algorithm>

#include <brotli/decode.h>
#include <zlib.h>

#include "shared/base/check.h"
#include "shared/base/text.h"

namespace apisix::plugins {
namespace {

using Result = BodyDecoder::Result;

// gzip, and deflate as most servers mean it (RFC 1950) or as some do (RFC 1951, without a head).
class Inflater final : public BodyDecoder {
 public:
  explicit Inflater(bool gzip) : gzip_(gzip) { start(gzip ? 15 + 16 : 15); }
  ~Inflater() override { inflateEnd(&stream_); }

  Result decode(std::string_view& data, std::size_t room, std::string& out) override {
    if (complete_ && !begins_member(data)) {  // what is behind it does not belong to the body
      data = {};
      return Result::kGood;
    }
    if (data.empty() && !more_) return Result::kGood;
    if (complete_) restart_member();
    if (!any_ && gzip_ && data[0] != '\x1f') return Result::kNotCoded;
    if (!any_ && !gzip_ && !has_zlib_head(data)) restart_raw();
    const bool first = !any_;
    any_ = true;
    const std::string_view whole = data;
    const std::size_t before = out.size();
    out.resize(before + room);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_.avail_out = static_cast<uInt>(room);
    const int code = inflate_all(data);
    out.resize(before + room - stream_.avail_out);
    if (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END) {
      if (!first || out.size() > before) return Result::kBroken;
      data = whole;
      return Result::kNotCoded;
    }
    more_ = stream_.avail_out == 0 && !complete_;
    if (more_ || (stream_.avail_out == 0 && begins_member(data))) return Result::kFull;
    data = {};
    return Result::kGood;
  }
  bool is_complete() const override { return complete_; }

 private:
  // Until the room or the input is used up, over all members.
  int inflate_all(std::string_view& data) {
    for (;;) {
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
      stream_.avail_in = static_cast<uInt>(data.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      data.remove_prefix(data.size() - stream_.avail_in);
      if (code != Z_STREAM_END) return code;
      complete_ = true;
      if (!begins_member(data) || stream_.avail_out == 0) return code;
      restart_member();
    }
  }
  void start(int window_bits) { CHECK(inflateInit2(&stream_, window_bits) == Z_OK); }
  void restart_raw() {
    inflateEnd(&stream_);
    stream_ = z_stream{};
    start(-15);
  }
  // A gzip body may be several members, one behind the other (RFC 1952 2.2).
  bool begins_member(std::string_view data) const { return gzip_ && !data.empty() && data[0] == '\x1f'; }
  void restart_member() {
    inflateReset(&stream_);
    complete_ = false;
  }
  static bool has_zlib_head(std::string_view data) {
    if ((data[0] & 0x0f) != Z_DEFLATED) return false;
    if (data.size() < 2) return true;
    return (static_cast<unsigned char>(data[0]) * 256 + static_cast<unsigned char>(data[1])) % 31 == 0;
  }
  z_stream stream_{};
  const bool gzip_;
  bool any_ = false;
  bool more_ = false;  // kept back by zlib for want of room
  bool complete_ = false;
};

class Unbrotli final : public BodyDecoder {
 public:
  Unbrotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) { CHECK(state_ != nullptr); }
  ~Unbrotli() override { BrotliDecoderDestroyInstance(state_); }

  Result decode(std::string_view& data, std::size_t room, std::string& out) override {
    if (complete_) {  // what is behind it does not belong to the body
      data = {};
      return Result::kGood;
    }
    const bool first = !any_;
    any_ |= !data.empty();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(data.data());
    std::size_t left = data.size();
    const std::size_t before = out.size();
    out.resize(before + room);
    auto* next_out = reinterpret_cast<std::uint8_t*>(out.data() + before);
    const auto code = BrotliDecoderDecompressStream(state_, &left, &next_in, &room, &next_out, nullptr);
    out.resize(out.size() - room);
    if (code == BROTLI_DECODER_RESULT_ERROR)
      return first && out.size() == before ? Result::kNotCoded : Result::kBroken;
    data.remove_prefix(data.size() - left);
    complete_ = code == BROTLI_DECODER_RESULT_SUCCESS;
    if (complete_) data = {};
    return code == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT ? Result::kFull : Result::kGood;
  }
  bool is_complete() const override { return complete_; }

 private:
  BrotliDecoderState* state_;
  bool any_ = false;
  bool complete_ = false;
};

}  // namespace

std::unique_ptr<BodyDecoder> BodyDecoder::make(std::string_view coding) {
  if (base::equals_ignore_case(coding, "gzip") || base::equals_ignore_case(coding, "x-gzip"))
    return std::make_unique<Inflater>(/*gzip=*/true);
  if (base::equals_ignore_case(coding, "deflate")) return std::make_unique<Inflater>(/*gzip=*/false);
  if (base::equals_ignore_case(coding, "br")) return std::make_unique<Unbrotli>();
  return nullptr;
}

}  // namespace apisix::plugins
