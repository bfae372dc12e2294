// Any bytes as the four conditions of a request, one a line. A list of entity tags whose quotes are closed
// keeps what is appended to it, and a date that is understood comes back from its text.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/http/conditional.h"
#include "shared/http/date.h"

namespace apisix::http {
namespace {

constexpr std::string_view kTag = "\"5f-10\"";
constexpr std::array kConditions = {KnownHeader::kIfNoneMatch, KnownHeader::kIfMatch,
                                    KnownHeader::kIfModifiedSince, KnownHeader::kIfUnmodifiedSince};

Condition evaluate(KnownHeader name, std::string_view value) {
  base::Arena arena;
  HeaderMap headers;
  headers.add(arena, name, value);
  return evaluate_conditions(headers, {.etag = kTag, .last_modified_s = 95});
}

void check_list(std::string_view list) {
  if (!is_valid_header_value(list) || std::ranges::count(list, '"') % 2 != 0) return;
  const std::string longer = std::string(list) + "," + std::string(kTag);
  CHECK(evaluate(KnownHeader::kIfNoneMatch, longer) == Condition::kNotModified);
  CHECK(evaluate(KnownHeader::kIfMatch, longer) == Condition::kHolds);
}

void check_date(std::string_view text) {
  const auto seconds = parse_date(text);
  if (!seconds) return;
  std::array<char, kDateBytes> out{};
  format_date(*seconds, out.data());
  CHECK(parse_date({out.data(), out.size()}) == seconds);
}

}  // namespace
}  // namespace apisix::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix::http;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  apisix::base::Arena arena;
  HeaderMap all;
  for (const KnownHeader name : kConditions) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    all.add(arena, name, line);
    check_list(line);
    check_date(line);
  }
  static_cast<void>(evaluate_conditions(all, {.etag = kTag, .last_modified_s = 95}));
  return 0;
}
