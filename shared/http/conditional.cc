#include "shared/http/conditional.h"

#include <algorithm>

#include "shared/base/text.h"
#include "shared/http/date.h"

namespace apisix::http {
namespace {

enum class Comparison : std::uint8_t { kStrong, kWeak };  // RFC 9110 8.8.3.2

bool is_same_tag(std::string_view one, std::string_view other, Comparison comparison) {
  if (comparison == Comparison::kStrong) return one == other && !one.starts_with("W/");
  if (one.starts_with("W/")) one.remove_prefix(2);
  if (other.starts_with("W/")) other.remove_prefix(2);
  return one == other;
}

// Takes the next tag off the front: to the comma behind its closing quote, for a tag may hold commas.
std::string_view take_tag(std::string_view& list) {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < list.size() && (is_quoted || list[end] != ','); ++end) is_quoted ^= list[end] == '"';
  const std::string_view tag = base::trim(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return tag;
}

bool is_listed(const HeaderMap& headers, KnownHeader name, std::string_view etag, Comparison comparison) {
  for (const HeaderField& field : headers) {
    if (field.id != name) continue;
    std::string_view list = field.value;
    if (base::trim(list) == "*") return true;
    while (!list.empty()) {
      if (is_same_tag(take_tag(list), etag, comparison)) return true;
    }
  }
  return false;
}

bool is_changed_since(const HeaderMap& headers, KnownHeader name, std::int64_t last_modified_s) {
  const auto date = parse_date(headers.value(name));
  return date && last_modified_s > *date;
}

}  // namespace

Condition evaluate_conditions(const HeaderMap& request_headers, const Validators& current) {
  if (request_headers.has(KnownHeader::kIfMatch)) {
    if (!is_listed(request_headers, KnownHeader::kIfMatch, current.etag, Comparison::kStrong)) {
      return Condition::kFailed;
    }
  } else if (is_changed_since(request_headers, KnownHeader::kIfUnmodifiedSince, current.last_modified_s)) {
    return Condition::kFailed;
  }
  if (request_headers.has(KnownHeader::kIfNoneMatch)) {
    return is_listed(request_headers, KnownHeader::kIfNoneMatch, current.etag, Comparison::kWeak)
               ? Condition::kNotModified
               : Condition::kHolds;
  }
  const auto since = parse_date(request_headers.value(KnownHeader::kIfModifiedSince));
  return since == current.last_modified_s ? Condition::kNotModified : Condition::kHolds;
}

}  // namespace apisix::http
