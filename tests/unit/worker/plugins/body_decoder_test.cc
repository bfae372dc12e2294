#include "worker/plugins/body_decoder.h"

#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

namespace apisix::plugins {
namespace {

using Result = BodyDecoder::Result;

constexpr std::size_t kPlenty = 1 << 20;
// "hello world hello world hello world\n", and a mebibyte of zeros.
const std::string kBrotli(
    "\x1b\x23\x00\xf8\x8d\x94\x6e\xde\x44\x55\x86\xd6\x0a\x20\x6c\x6f\x52\x91\x59\x98\xa9\x05\x32\x48\xb5\x8f"
    "\x00",
    27);
const std::string kBrotliZeros("\x5b\xff\xff\x8f\x7f\x02\x20\x1e\x0b\x04\x72\xef\x1f\x00", 14);
const std::string kHello = "hello world hello world hello world\n";

// `window_bits`: 31 gzip, 15 zlib, -15 neither head nor check sum.
std::string coded(const std::string& plain, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, plain.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Fed in pieces of `step` bytes, read in pieces of `room`; the last result.
Result decode(std::string_view coding, std::string_view data, std::string& out, std::size_t step = kPlenty,
              std::size_t room = kPlenty) {
  const auto decoder = BodyDecoder::make(coding);
  Result result = Result::kGood;
  while (!data.empty()) {
    std::string_view piece = data.substr(0, step);
    data.remove_prefix(piece.size());
    do {
      const std::size_t before = out.size();
      result = decoder->decode(piece, room, out);
      EXPECT_LE(out.size() - before, room);
    } while (result == Result::kFull);
    if (result != Result::kGood) return result;
    EXPECT_TRUE(piece.empty());
  }
  if (!decoder->is_complete()) out += "(incomplete)";
  return result;
}

struct Case {
  std::string_view coding;
  std::string data;
};
std::vector<Case> hellos() {
  return {{"gzip", coded(kHello, 31)},    {"x-gzip", coded(kHello, 31)},   {"GZIP", coded(kHello, 31)},
          {"deflate", coded(kHello, 15)}, {"deflate", coded(kHello, -15)}, {"br", kBrotli}};
}

TEST(BodyDecoder, KnowsThreeCodings) {
  EXPECT_EQ(BodyDecoder::make("zstd"), nullptr);
  EXPECT_EQ(BodyDecoder::make("gzip, br"), nullptr);
  EXPECT_EQ(BodyDecoder::make(""), nullptr);
}

TEST(BodyDecoder, WholeAndByteByByte) {
  for (const Case& hello : hellos()) {
    for (const std::size_t step : {kPlenty, std::size_t{1}, std::size_t{7}}) {
      for (const std::size_t room : {kPlenty, std::size_t{1}, kHello.size()}) {
        std::string out;
        EXPECT_EQ(decode(hello.coding, hello.data, out, step, room), Result::kGood) << hello.coding << step;
        EXPECT_EQ(out, kHello) << hello.coding << step << ' ' << room;
      }
    }
  }
}

TEST(BodyDecoder, LargerThanAStep) {
  std::string plain;
  for (int i = 0; i < 30'000; ++i) plain += std::to_string(i);
  std::string out;
  EXPECT_EQ(decode("gzip", coded(plain, 31), out), Result::kGood);
  EXPECT_EQ(out, plain);
}

TEST(BodyDecoder, MembersFollowEachOther) {
  const std::string two = coded("one,", 31) + coded("two", 31);
  for (const std::size_t step : {kPlenty, std::size_t{1}}) {
    for (const std::size_t room : {kPlenty, std::size_t{1}, std::size_t{4}}) {
      std::string out;
      EXPECT_EQ(decode("gzip", two, out, step, room), Result::kGood);
      EXPECT_EQ(out, "one,two");
    }
  }
}

TEST(BodyDecoder, MakesNoMoreThanThereIsRoomFor) {
  const std::string zeros(1 << 20, '\0');
  for (const Case& bomb :
       {Case{"gzip", coded(zeros, 31)}, Case{"deflate", coded(zeros, 15)}, Case{"br", kBrotliZeros}}) {
    const auto decoder = BodyDecoder::make(bomb.coding);
    std::string_view data = bomb.data;
    std::string out;
    EXPECT_EQ(decoder->decode(data, 100'000, out), Result::kFull) << bomb.coding;
    EXPECT_EQ(out.size(), 100'000u);
    while (decoder->decode(data, 100'000, out) == Result::kFull) {
    }
    EXPECT_TRUE(decoder->is_complete());
    EXPECT_EQ(out, zeros);
    EXPECT_TRUE(data.empty());
  }
}

TEST(BodyDecoder, TellsWhatWasNeverCoded) {
  for (const std::string_view coding : {"gzip", "deflate", "br"}) {
    std::string out;
    EXPECT_EQ(decode(coding, "fake body with mock content encoding header", out), Result::kNotCoded)
        << coding;
    EXPECT_EQ(out, "") << coding;
  }
}

TEST(BodyDecoder, TellsDamage) {
  for (const Case& hello : hellos()) {
    if (hello.data == coded(kHello, -15)) continue;  // has no check sum
    std::string damaged = hello.data;
    damaged[damaged.size() / 2] ^= 0x55;
    std::string out;
    const Result result = decode(hello.coding, damaged, out, 4);
    EXPECT_TRUE(result == Result::kBroken || out != kHello) << hello.coding;
  }
  std::string damaged = coded(kHello, 31);
  damaged[damaged.size() - 6] ^= 1;  // the check sum
  std::string out;
  EXPECT_EQ(decode("gzip", damaged, out, 10), Result::kBroken);
}

TEST(BodyDecoder, TellsATruncation) {
  std::string out;
  const std::string whole = coded(kHello, 31);
  EXPECT_EQ(decode("gzip", whole.substr(0, whole.size() - 1), out), Result::kGood);
  EXPECT_EQ(out, kHello + "(incomplete)");
}

}  // namespace
}  // namespace apisix::plugins
