// Any bytes as a request head. Scanner: every split gives the same. Parser: what it accepts the scanner
// accepts, has one framing, and comes out of the writer as a head that parses to the same and is stable.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/base/host_name.h"
#include "shared/base/text.h"
#include "shared/http/authority.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/uri.h"
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

struct Scanned {
  HeadScanner::Result result;
  std::size_t head_bytes = 0;
  bool operator==(const Scanned&) const = default;
};

Scanned scan(std::string_view bytes, std::size_t step) {
  HeadScanner scanner;
  for (std::size_t size = std::min(step, bytes.size());; size = std::min(size + step, bytes.size())) {
    const Exact received(bytes.substr(0, size));
    HeadLines lines;
    const HeadScanner::Result result = scanner.scan(received.view(), lines);
    CHECK(lines.empty() || lines.head_bytes() == scanner.head_bytes());
    if (result == HeadScanner::Result::kFound) return {result, scanner.head_bytes()};
    if (result == HeadScanner::Result::kBad || size == bytes.size()) return {result};
  }
}

// A second reading of the lines, as naive as can be: how many fields of that name there are.
std::size_t count_lines(std::string_view head, std::string_view name) {
  std::size_t out = 0;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    out += base::equals_ignore_case(base::trim(line.substr(0, line.find(':'))), name) ? 1 : 0;
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  return out;
}

void check_framing(std::string_view bytes, const RequestHead& head) {
  const std::size_t lengths = count_lines(bytes, "content-length");
  const std::size_t codings = count_lines(bytes, "transfer-encoding");
  CHECK(lengths + codings <= 1);
  CHECK(count_lines(bytes, "host") <= 1);
  CHECK((head.framing == Framing::kLength) == (lengths == 1));
  CHECK((head.framing == Framing::kChunked) == (codings == 1));
  CHECK(head.framing != Framing::kUntilClose);
  CHECK(codings == 0 || head.protocol == Protocol::k11);
  CHECK(head.protocol == Protocol::k10 || is_valid_authority(head.authority));
}

// As nginx lets names through, and none that a server behind us could read as a framing field.
void check_names(const RequestHead& head) {
  for (const HeaderField& field : head.headers) {
    std::string hyphened(field.name);
    for (char& c : hyphened) {
      CHECK(base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z') || c == '-' ||
            c == '_');
      if (c == '_') c = '-';
    }
    CHECK(field.id != KnownHeader::kUnknown || !is_hop_by_hop({.id = identify_header(hyphened)}));
  }
  for (const IgnoredLine* line = head.ignored_lines; line != nullptr; line = line->next)
    CHECK(!line->text.empty());
}

// What the parser found on its way about the path and the host is what a closer look finds.
void check_plain(const RequestHead& head) {
  base::Arena arena;
  if (head.path.starts_with('/')) {
    const auto normal = normalize_path(head.path, arena);
    const bool is_unchanged = normal && normal->path.data() == head.path.data();
    CHECK(!head.path_is_plain || (is_unchanged && normal->path == head.path && !normal->changed_structure));
  } else {
    CHECK(!head.path_is_plain);
  }
  if (head.host.empty()) return;
  CHECK(is_valid_authority(head.authority) && !base::find_end_dot(head.authority));
  CHECK(head.host == head.authority.substr(0, head.authority.find(':')));
  CHECK(head.host == base::to_lower(head.host) && !head.host.starts_with('['));
}

std::string write(const RequestHead& head, base::Arena& arena) {
  const RequestWrite out{
      .method = head.method_text,
      .target = head.target,
      .headers = &head.headers,
      .content_length = head.content_length,
      .framing = head.framing,
      .protocol = head.protocol,
      .connection = head.keep_alive ? ConnectionOption::kKeepAlive : ConnectionOption::kClose};
  const std::string_view text = write_request_head(out, arena);
  CHECK(!text.empty());
  CHECK(text.size() == request_head_bytes(out));
  return std::string(text);
}

// As it is sent on: what the parser has checked, the writer would not refuse.
void check_is_written_as_received(const RequestHead& head) {
  base::Arena arena;
  RequestWrite out{.method = head.method_text,
                   .target = head.target,
                   .host = head.authority,
                   .headers = &head.headers,
                   .received = &head,
                   .upgrade_protocol = head.upgrade_protocol,
                   .connection = head.upgrade ? ConnectionOption::kUpgrade : ConnectionOption::kNone};
  CHECK(is_as_received(out));
  const std::string_view text = write_request_head(out, arena);
  CHECK(!text.empty());
  out.received = nullptr;
  CHECK(write_request_head(out, arena) == text);
}

void check_same(const RequestHead& a, const RequestHead& b) {
  CHECK(a.method == b.method && a.method_text == b.method_text && a.protocol == b.protocol &&
        a.form == b.form);
  CHECK(a.target == b.target && a.path == b.path && a.query == b.query && a.has_query == b.has_query);
  CHECK(a.authority == b.authority && a.framing == b.framing && a.content_length == b.content_length);
  CHECK(a.keep_alive == b.keep_alive && !b.upgrade);
  const HeaderField* other = b.headers.begin();
  for (const HeaderField& field : a.headers) {
    if (is_hop_by_hop(field)) continue;
    CHECK(other != b.headers.end() && other->name == field.name && other->value == field.value);
    CHECK(other->id == field.id && is_token(field.name) && is_valid_header_value(field.value));
    ++other;
  }
}

void check_round_trip(const RequestHead& head) {
  base::Arena arena;
  const Exact once(write(head, arena));
  CHECK(scan(once.view(), once.size) == (Scanned{HeadScanner::Result::kFound, once.size}));
  const RequestLimits limits{.header_count_max = 200, .header_line_bytes_max = 16384};
  const auto again = parse_request_head(once.view(), arena, limits);
  CHECK(again);
  check_same(head, **again);
  CHECK(write(**again, arena) == once.view());
}

}  // namespace
}  // namespace apisix::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  using namespace apisix::http;
  if (size > 8192) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Scanned whole = scan(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t step : {1, 2, 7, 16, 33}) CHECK(scan(bytes, step) == whole);

  base::Arena arena;
  if (const Exact all(bytes); const auto head = parse_request_every_way(all.view(), arena, RequestLimits{})) {
    CHECK(whole == (Scanned{HeadScanner::Result::kFound, size}));
  }
  if (whole.result != HeadScanner::Result::kFound) return 0;
  const Exact received(bytes);
  const Exact copy(bytes.substr(0, whole.head_bytes));
  if (const auto head = parse_request_every_way(copy.view(), received.view(), arena, RequestLimits{})) {
    check_framing(copy.view(), **head);
    check_names(**head);
    check_plain(**head);
    check_is_written_as_received(**head);
    check_round_trip(**head);
  }
  return 0;
}
