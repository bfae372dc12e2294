#include "worker/plugins/body_decoder.h"

#include <algorithm>

#include <brotli/decode.h>
#include <zlib.h>

#include "shared/base/check.h"
#include "shared/base/text.h"

namespace apisix::plugins {
namespace {

using Result = BodyDecoder::Result;

// Room that one step of a decoder gets; the text grows by no more than this at a time.
constexpr std::size_t kStepBytes = 32 * 1024;

// Makes room for one step, at most to `bytes_max`; 0 when it is full.
std::size_t make_room(std::string& out, std::size_t bytes_max) {
  const std::size_t room = std::min(kStepBytes, bytes_max - std::min(bytes_max, out.size()));
  out.resize(out.size() + room);
  return room;
}

// gzip, and deflate as most servers mean it (RFC 1950) or as some do (RFC 1951, without a head).
class Inflater final : public BodyDecoder {
 public:
  explicit Inflater(bool gzip) : gzip_(gzip) { start(gzip ? 15 + 16 : 15); }
  ~Inflater() override { inflateEnd(&stream_); }

  Result decode(std::string_view data, std::size_t bytes_max, std::string& out) override {
    if (data.empty() || (complete_ && !begins_member(data))) return Result::kGood;
    if (complete_) restart_member();
    if (!any_ && gzip_ && data[0] != '\x1f') return Result::kNotCoded;
    if (!any_ && !gzip_ && !has_zlib_head(data)) restart_raw();
    const bool first = !any_;
    any_ = true;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    for (;;) {
      const std::size_t before = out.size();
      const std::size_t room = make_room(out, bytes_max);
      char probe = 0;  // whether there is more than may be kept
      stream_.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + before : &probe);
      stream_.avail_out = static_cast<uInt>(room > 0 ? room : 1);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (room == 0 && stream_.avail_out == 0) return Result::kTooLong;
      if (room > 0) out.resize(before + room - stream_.avail_out);
      if (code == Z_STREAM_END) {
        complete_ = true;
        const std::string_view rest(reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in);
        if (!begins_member(rest)) return Result::kGood;
        restart_member();
        continue;
      }
      if (code != Z_OK && code != Z_BUF_ERROR) return give_up(first, out);
      if (stream_.avail_out > 0) return Result::kGood;  // it wants more input
    }
  }
  bool is_complete() const override { return complete_; }

 private:
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
  static Result give_up(bool first, const std::string& out) {
    return first && out.empty() ? Result::kNotCoded : Result::kBroken;
  }

  z_stream stream_{};
  const bool gzip_;
  bool any_ = false;
  bool complete_ = false;
};

class Unbrotli final : public BodyDecoder {
 public:
  Unbrotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) { CHECK(state_ != nullptr); }
  ~Unbrotli() override { BrotliDecoderDestroyInstance(state_); }

  Result decode(std::string_view data, std::size_t bytes_max, std::string& out) override {
    if (complete_) return Result::kGood;
    const bool first = !any_;
    any_ |= !data.empty();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(data.data());
    std::size_t left = data.size();
    for (;;) {
      const std::size_t before = out.size();
      std::size_t room = make_room(out, bytes_max);
      const bool full = room == 0;
      std::uint8_t probe = 0;
      auto* next_out = full ? &probe : reinterpret_cast<std::uint8_t*>(out.data() + before);
      if (full) room = 1;
      const std::size_t offered = room;
      const auto code = BrotliDecoderDecompressStream(state_, &left, &next_in, &room, &next_out, nullptr);
      if (full && room == 0) return Result::kTooLong;
      if (!full) out.resize(before + offered - room);
      if (code == BROTLI_DECODER_RESULT_ERROR)
        return first && out.empty() ? Result::kNotCoded : Result::kBroken;
      complete_ = code == BROTLI_DECODER_RESULT_SUCCESS;
      if (code != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) return Result::kGood;
    }
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
