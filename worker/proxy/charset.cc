#include "worker/proxy/charset.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::proxy {
namespace {

using http::KnownHeader;
using std::string_view_literals::operator""sv;

// nginx's charset_types, in an order of their own: by length, of which no two have the same.
constexpr std::array kTextTypes = {"text/xml"sv,         "text/html"sv,           "text/plain"sv,
                                   "text/vnd.wap.wml"sv, "application/rss+xml"sv, "application/javascript"sv};
constexpr std::size_t kTextTypeBytesMax = kTextTypes.back().size();

// The only type of that length it can be; kTextTypes.size(): none.
constexpr auto kTypeOfLength = [] {
  std::array<std::uint8_t, kTextTypeBytesMax + 1> out{};
  out.fill(kTextTypes.size());
  for (std::size_t i = 0; i < kTextTypes.size(); ++i)
    out[kTextTypes[i].size()] = static_cast<std::uint8_t>(i);
  return out;
}();
static_assert(std::ranges::is_sorted(kTextTypes, {}, &std::string_view::size) &&
              std::ranges::adjacent_find(kTextTypes, {}, &std::string_view::size) == kTextTypes.end());

std::size_t place_of(std::string_view type) {
  return type.size() <= kTextTypeBytesMax ? kTypeOfLength[type.size()] : kTextTypes.size();
}

}  // namespace

Charset::Charset(std::string_view name) : name_(name) {
  static_assert(kTypes == kTextTypes.size());
  for (std::size_t i = 0; i < kTypes; ++i) {
    lines_[i] = http::FieldLine(KnownHeader::kContentType, std::string(kTextTypes[i]) + "; charset=" + name_);
  }
}

// Null: it is not written as in the list.
const http::FieldLine* Charset::find_line(std::string_view type) const {
  const std::size_t place = place_of(type);
  if (place == kTypes || type != kTextTypes[place] || lines_[place].empty()) return nullptr;
  return &lines_[place];
}

void Charset::add_to(http::HeaderMap& headers, base::Arena& arena) const {
  const http::HeaderField* const field = headers.find(KnownHeader::kContentType);
  if (name_.empty() || field == nullptr || headers.has(KnownHeader::kContentEncoding)) return;
  const http::FieldLine* const line = find_line(field->value);
  if (line == nullptr) return add_to_other(field->value, headers, arena);
  headers.set_valid(arena, line->field());
}

// In another spelling, with parameters, or no textual type.
void Charset::add_to_other(std::string_view value, http::HeaderMap& headers, base::Arena& arena) const {
  if (value.find("charset") != std::string_view::npos) return;
  const std::string_view type = base::trim(value.substr(0, value.find(';')));
  const std::size_t place = place_of(type);
  if (place == kTypes || !base::equals_ignore_case(type, kTextTypes[place])) return;
  headers.set(arena, KnownHeader::kContentType, arena.concat(value, "; charset="sv, name_));
}

}  // namespace apisix::proxy
