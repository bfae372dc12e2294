// Any bytes as a path and as a query. Normalising agrees with a version that works on a list of segments, is
// idempotent over the wire, and every escape can be undone.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/check.h"
#include "shared/http/uri.h"

namespace apisix::http {
namespace {

std::optional<std::string> decode_all(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '#' || raw[i] == '?') break;
    if (raw[i] == '\0') return {};
    if (raw[i] != '%') {
      out += raw[i];
      continue;
    }
    const std::string digits(raw.substr(i + 1, 2));
    if (digits.size() != 2 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return {};
    out += static_cast<char>(std::stoi(digits, nullptr, 16));
    if (out.back() == '\0') return {};
    i += 2;
  }
  return out;
}

std::optional<std::string> normalize_naively(std::string_view raw) {
  if (!raw.starts_with('/')) return {};
  const std::optional<std::string> decoded = decode_all(raw);
  if (!decoded) return {};
  std::vector<std::string> segments;
  std::string_view rest = *decoded;
  bool ends_in_slash = true;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string segment(rest.substr(0, rest.find('/')));
    rest.remove_prefix(segment.size());
    ends_in_slash = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (segments.empty()) return {};
      segments.pop_back();
    } else if (!ends_in_slash) {
      segments.push_back(segment);
    }
  }
  std::string out;
  for (const std::string& segment : segments) out.append("/").append(segment);
  if (ends_in_slash) out += '/';
  return out;
}

void check_path(std::string_view raw) {
  base::Arena arena;
  const auto normalized = normalize_path(raw, arena);
  const auto naive = normalize_naively(raw);
  CHECK(normalized.has_value() == naive.has_value());
  if (!normalized) return;
  CHECK(normalized->path == *naive);
  CHECK(normalized->path.starts_with('/'));
  CHECK(normalized->path.find("//") == std::string_view::npos);

  const std::string_view wire = escape_path(normalized->path, arena);
  const auto again = normalize_path(wire, arena);
  CHECK(again && again->path == normalized->path && !again->changed_structure && !again->decoded_slash);

  if (const auto kept = keep_encoded_slash(raw, normalized->path, arena)) {
    CHECK(!normalized->changed_structure && normalized->decoded_slash);
    std::string plain(*kept);
    for (std::size_t at = 0; (at = plain.find("%2F", at)) != std::string::npos; ++at)
      plain.replace(at, 3, "/");
    // A literal "%2F" of the decoded path (from %252F) turns into a slash here as well: compare as such.
    std::string expected(normalized->path);
    for (std::size_t at = 0; (at = expected.find("%2F", at)) != std::string::npos; ++at)
      expected.replace(at, 3, "/");
    CHECK(plain == expected);
  }
  if (const auto servlet = normalize_like_servlet(normalized->path, arena)) {
    CHECK(servlet->find(';') == std::string_view::npos);
    const auto stable = normalize_path(escape_path(*servlet, arena), arena);
    CHECK(stable && stable->path == *servlet);  // no dot segment and no empty one came out of it
  }
}

void check_text(std::string_view text) {
  base::Arena arena;
  CHECK(unescape(escape_path(text, arena), arena, false) == text);
  CHECK(unescape(escape_args(text, arena), arena) == text);
  CHECK(unescape(escape_component(text, arena), arena) == text);
  CHECK(escape_control(escape_path(text, arena), arena) == escape_path(text, arena));
  const QueryArgs args = decode_args(text, arena, 1000);
  for (const QueryArg& arg : args) {
    const auto first = find_arg(text, arg.name);
    CHECK(first);
    const QueryArg* expected = args.begin();
    while (expected->name != arg.name) ++expected;
    CHECK(unescape(*first, arena) == expected->value);
  }
}

}  // namespace
}  // namespace apisix::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 2048) return 0;
  // Exactly sized, so that the sanitizer sees a read behind the end.
  const std::unique_ptr<char[]> exact(new char[size]);
  const std::string_view text(
      exact.get(), std::string_view(reinterpret_cast<const char*>(data), size).copy(exact.get(), size));
  apisix::http::check_path(text);
  apisix::http::check_text(text);
  return 0;
}
