// gzip: compresses responses for clients that accept it. The state of one response is what zlib needs (up to
// 256 KiB); what it compresses passes through, however long it is.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <zlib.h>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/http/accept_encoding.h"
#include "worker/plugin/body_coder.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

constexpr int kGzipFormat = 16;  // added to the window's bits: zlib writes head and check sum
constexpr int kWindowBitsMax = 15;
constexpr int kMemoryLevelMax = 8;
constexpr std::size_t kCompressedBytesStep = 16 * 1024;

// A short body needs no large window: memory is 2^(bits+2) + 2^(level+9).
struct Sizes {
  int window_bits = kWindowBitsMax;
  int memory_level = kMemoryLevelMax;
};
Sizes sizes_for(std::optional<std::uint64_t> length) {
  constexpr std::uint64_t kWindowReserve = 262;  // of zlib: not usable
  Sizes sizes;
  while (length && sizes.window_bits > 9 &&
         *length < (std::uint64_t{1} << (sizes.window_bits - 1)) - kWindowReserve) {
    --sizes.window_bits;
    sizes.memory_level = std::max(1, sizes.memory_level - 1);
  }
  return sizes;
}

class GzipCoder final : public plugin::BodyCoder {
 public:
  GzipCoder(int level, Sizes sizes) {
    CHECK(deflateInit2(&stream_, level, Z_DEFLATED, sizes.window_bits + kGzipFormat, sizes.memory_level,
                       Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~GzipCoder() override { deflateEnd(&stream_); }

  std::string_view name() const override { return "gzip"; }

  bool encode(std::string_view data, bool flush, bool last, std::string& out) override {
    // Nothing new: a flush would only add an empty block.
    if (!last && data.empty() && !(flush && is_unflushed_)) return true;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    const int mode = last ? Z_FINISH : flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    is_unflushed_ = mode == Z_NO_FLUSH;
    do {
      const std::size_t before = out.size();
      out.resize(before + kCompressedBytesStep);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = kCompressedBytesStep;
      const int code = deflate(&stream_, mode);
      out.resize(before + kCompressedBytesStep - stream_.avail_out);
      if (code == Z_STREAM_ERROR) return false;
    } while (stream_.avail_out == 0);
    return true;
  }

 private:
  z_stream stream_{};
  bool is_unflushed_ = false;
};

class Gzip final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "gzip", .priority = 995};

  explicit Gzip(const plugin::Conf& conf)
      : types_(conf.list("types")),
        any_type_(conf.find_text("types").has_value()),
        length_min_(conf.number<std::uint64_t>("min_length")),
        level_(conf.number<int>("comp_level", 1, 9)),
        needs_http_11_(conf.real("http_version") > 1.05),
        varies_(conf.flag("vary")) {}

  void header_filter(plugin::Request& request) override {
    if (!is_wanted(request)) return;
    if (varies_) request.response().add_header("Vary", "Accept-Encoding");
    if (!http::accepts_coding(request.headers().all(), "gzip")) return;
    request.response().set_coder(
        std::make_unique<GzipCoder>(level_, sizes_for(request.response().body_bytes())));
  }

 private:
  bool is_wanted(plugin::Request& request) const {
    const std::string_view content_type = request.response().headers().value(http::KnownHeader::kContentType);
    if (content_type.empty() || !matches_type(content_type)) return false;
    const auto length = request.response().body_bytes();  // unknown: as nginx, it is long enough
    if (length && *length < length_min_) return false;
    return !needs_http_11_ || request.client().protocol() >= http::Protocol::k11;
  }

  bool matches_type(std::string_view content_type) const {
    if (any_type_) return true;
    const std::string_view type = base::trim(content_type.substr(0, content_type.find(';')));
    return std::ranges::find(types_, type) != types_.end();
  }

  const std::vector<std::string> types_;
  const bool any_type_;
  const std::uint64_t length_min_;
  const int level_;
  const bool needs_http_11_;
  const bool varies_;
};

}  // namespace

const plugin::PluginKind& gzip = plugin::define<Gzip>();

}  // namespace apisix::plugins
