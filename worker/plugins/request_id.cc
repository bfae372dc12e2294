// request-id: gives every request an id, in a header field for the upstream and, if wanted, for the client.
#include <array>
#include <cstring>
#include <string>

#include <sys/random.h>

#include "shared/base/check.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kNanoid = "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kNanoidLength = 21;
constexpr std::size_t kKsuidLength = 27;
// A longer one would leave no room for other fields in the head that the upstream reads (8 KiB by default).
constexpr std::uint32_t kRangeLengthMin = 6;
constexpr std::uint32_t kRangeLengthMax = 1024;
constexpr std::uint64_t kKsuidEpochS = 1'400'000'000;

// Bytes of the kernel's generator, fetched in blocks: a system call for every tenth id or so.
class RandomBytes {
 public:
  void fill(void* out, std::size_t bytes) {
    if (used_ + bytes > block_.size()) {
      CHECK(::getrandom(block_.data(), block_.size(), 0) == static_cast<ssize_t>(block_.size()));
      used_ = 0;
    }
    std::memcpy(out, block_.data() + used_, bytes);
    used_ += bytes;
  }
  // Without bias: below the largest multiple of `bound`.
  unsigned below(unsigned bound) {
    const std::uint32_t limit = 0xffffffffu - 0xffffffffu % bound;
    std::uint32_t number = 0;
    do {
      fill(&number, sizeof number);
    } while (number >= limit);
    return number % bound;
  }

 private:
  std::array<unsigned char, 256> block_;
  std::size_t used_ = block_.size();
};

RandomBytes& random_bytes() {
  static thread_local RandomBytes bytes;
  return bytes;
}

// RFC 9562: version and variant in their places, text in groups.
std::string_view uuid_text(base::Arena& arena, std::array<unsigned char, 16> bytes, unsigned version) {
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | (version << 4));
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  char* out = arena.text(36);
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
    out[at++] = kHex[bytes[i] >> 4];
    out[at++] = kHex[bytes[i] & 15];
  }
  return {out, 36};
}

std::string_view make_uuid(plugin::Request& request) {
  std::array<unsigned char, 16> bytes;
  random_bytes().fill(bytes.data(), bytes.size());
  return uuid_text(request.arena(), bytes, 4);
}

std::string_view make_uuid_v7(plugin::Request& request) {
  std::array<unsigned char, 16> bytes;
  random_bytes().fill(bytes.data(), bytes.size());
  const std::uint64_t now_ms = request.clock().wall_us() / 1000;
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(now_ms >> (40 - 8 * i));
  return uuid_text(request.arena(), bytes, 7);
}

std::string_view make_nanoid(plugin::Request& request) {
  std::array<unsigned char, kNanoidLength> bytes;
  random_bytes().fill(bytes.data(), bytes.size());
  char* out = request.arena().text(kNanoidLength);
  for (std::size_t i = 0; i < kNanoidLength; ++i) out[i] = kNanoid[bytes[i] & 63];
  return {out, kNanoidLength};
}

// 4 bytes of seconds and 16 random ones, as one number in base 62.
std::string_view make_ksuid(plugin::Request& request) {
  std::array<unsigned char, 20> number;
  const auto seconds = static_cast<std::uint32_t>(request.clock().wall_us() / 1'000'000 - kKsuidEpochS);
  for (int i = 0; i < 4; ++i)
    number[static_cast<std::size_t>(i)] = static_cast<unsigned char>(seconds >> (24 - 8 * i));
  random_bytes().fill(number.data() + 4, 16);
  char* out = request.arena().text(kKsuidLength);
  for (std::size_t digit = kKsuidLength; digit-- > 0;) {
    unsigned rest = 0;
    for (unsigned char& byte : number) {
      rest = rest << 8 | byte;
      byte = static_cast<unsigned char>(rest / 62);
      rest %= 62;
    }
    out[digit] = kBase62[rest];
  }
  return {out, kKsuidLength};
}

class RequestId final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "request-id", .priority = 12015};

  explicit RequestId(const plugin::Conf& conf)
      : header_(conf.text("header_name")),
        include_in_response_(conf.flag("include_in_response")),
        make_(maker_of(conf.text("algorithm"))),
        range_length_(
            conf.member("range_id").number<std::uint32_t>("length", kRangeLengthMin, kRangeLengthMax)),
        range_characters_(conf.member("range_id").text("char_set")) {
    if (range_characters_.empty()) range_characters_ = kBase62;
  }

  plugin::Step rewrite(plugin::Request& request) override {
    std::string_view id = request.headers().find(header_).value_or(std::string_view());
    if (id.empty()) {
      id = make_ != nullptr ? make_(request) : make_range_id(request);
      request.headers().set(header_, id);
    }
    request.state<State>(this).id = id;
    request.set_variable("apisix_request_id", id);
    return plugin::pass();
  }

  void header_filter(plugin::Request& request) override {
    if (!include_in_response_) return;
    const http::HeaderField* sent = request.response().headers().find(header_);
    if (sent != nullptr && !sent->value.empty()) return;
    const std::string_view id = request.state<State>(this).id;
    if (!id.empty()) request.response().set_header(header_, id);
  }

 private:
  struct State {
    std::string_view id;
  };
  using Maker = std::string_view (*)(plugin::Request& request);

  // Null: range_id, which has parameters.
  static Maker maker_of(std::string_view algorithm) {
    if (algorithm == "nanoid") return make_nanoid;
    if (algorithm == "ksuid") return make_ksuid;
    if (algorithm == "uuidv7") return make_uuid_v7;
    return algorithm == "range_id" ? nullptr : make_uuid;
  }

  std::string_view make_range_id(plugin::Request& request) const {
    char* out = request.arena().text(range_length_);
    for (std::size_t i = 0; i < range_length_; ++i) {
      out[i] = range_characters_[random_bytes().below(static_cast<unsigned>(range_characters_.size()))];
    }
    return {out, range_length_};
  }

  const std::string header_;
  const bool include_in_response_;
  const Maker make_;
  const std::size_t range_length_;
  std::string range_characters_;
};

}  // namespace

const plugin::PluginKind& request_id = plugin::define<RequestId>();

}  // namespace apisix::plugins
