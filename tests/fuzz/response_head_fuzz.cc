// Any bytes as a response head; the first byte picks the request's method. What the parser accepts comes out
// of the writer as a head that parses to the same, and its body ends where RFC 9112 6.3 says.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h1/response_parser.h"
#include "shared/http/status.h"
#include "tests/unit/shared/http/h1/every_way.h"

namespace apisix::http {
namespace {

// Exactly sized, so that the sanitizer sees a read behind the end.
struct Exact {
  explicit Exact(std::string_view text) : bytes(new char[text.size()]), size(text.size()) {
    text.copy(bytes.get(), text.size());
  }
  std::string_view view() const { return {bytes.get(), size}; }
  std::unique_ptr<char[]> bytes;
  std::size_t size;
};

void check_framing(const ResponseHead& head, Method method) {
  CHECK(!(head.framing == Framing::kUntilClose && head.keep_alive));
  const bool coding = head.headers.has(KnownHeader::kTransferEncoding);
  if (method == Method::kConnect && head.status / 100 == 2) {
    CHECK(head.framing == Framing::kUntilClose);
    return;
  }
  CHECK(!(coding && head.headers.has(KnownHeader::kContentLength)));
  CHECK(!(coding && head.protocol == Protocol::k10));
  const bool bodiless =
      head.status < 200 || head.status == 204 || head.status == 304 || method == Method::kHead;
  if (bodiless) {
    CHECK(head.framing == Framing::kNone);
  } else if (coding) {
    CHECK(head.framing == Framing::kChunked);
  } else if (head.headers.has(KnownHeader::kContentLength)) {
    CHECK(head.framing == Framing::kLength && head.has_content_length);
  } else {
    CHECK(head.framing == Framing::kUntilClose);
  }
  CHECK(!head.upgrade || head.status == 101);
}

std::string write(const ResponseHead& head, base::Arena& arena) {
  const ResponseWrite out{
      .status = head.status,
      .framing = head.framing,
      .protocol = head.protocol,
      .connection = head.keep_alive ? ConnectionOption::kKeepAlive : ConnectionOption::kClose,
      .has_content_length = head.has_content_length,
      .reason = head.reason,
      .headers = &head.headers,
      .content_length = head.content_length};
  const std::string_view text = write_response_head(out, arena);
  CHECK(!text.empty());
  CHECK(text.size() == response_head_bytes(out));
  return std::string(text);
}

void check_same(const ResponseHead& a, const ResponseHead& b) {
  CHECK(a.status == b.status && a.protocol == b.protocol && a.keep_alive == b.keep_alive);
  CHECK(b.reason == (a.reason.empty() ? reason_phrase(a.status) : a.reason));
  CHECK(a.framing == b.framing && a.has_content_length == b.has_content_length);
  CHECK(!a.has_content_length || a.content_length == b.content_length);
  const HeaderField* other = b.headers.begin();
  for (const HeaderField& field : a.headers) {
    if (is_hop_by_hop(field)) continue;
    CHECK(other != b.headers.end() && other->name == field.name && other->value == field.value);
    ++other;
  }
}

void check_round_trip(const ResponseHead& head, Method method) {
  base::Arena arena;
  const Exact once(write(head, arena));
  HeadScanner scanner(HeadKind::kResponse);
  CHECK(scanner.scan(once.view()) == HeadScanner::Result::kFound);
  CHECK(scanner.head_bytes() == once.size);
  const ResponseLimits limits{.header_count_max = 400, .header_line_bytes_max = 65536};
  const auto again = parse_response_head(once.view(), arena, method, limits);
  CHECK(again);
  check_same(head, **again);
  CHECK(write(**again, arena) == once.view());
}

}  // namespace
}  // namespace apisix::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  using namespace apisix::http;
  if (size < 1 || size > 8192) return 0;
  constexpr Method kMethods[] = {Method::kGet, Method::kHead, Method::kConnect};
  const Method method = kMethods[data[0] % 3];
  const Exact received({reinterpret_cast<const char*>(data) + 1, size - 1});

  HeadScanner scanner(HeadKind::kResponse);
  const HeadScanner::Result whole = scanner.scan(received.view());
  HeadScanner slow(HeadKind::kResponse);
  HeadScanner::Result last = HeadScanner::Result::kNeedMore;
  for (std::size_t i = 1; i <= received.size && last == HeadScanner::Result::kNeedMore; ++i) {
    last = slow.scan(received.view().substr(0, i));
  }
  CHECK(last == whole);
  if (whole != HeadScanner::Result::kFound) return 0;
  CHECK(slow.head_bytes() == scanner.head_bytes());

  base::Arena arena;
  const Exact head_bytes(received.view().substr(0, scanner.head_bytes()));
  if (const auto head =
          parse_response_every_way(head_bytes.view(), received.view(), arena, method, ResponseLimits{})) {
    check_framing(**head, method);
    check_round_trip(**head, method);
  }
  return 0;
}
