#include "shared/http/cookie.h"

#include "shared/base/arena_text.h"
#include "shared/base/text.h"

namespace apisix::http {
namespace {

bool is_named(std::string_view pair, std::string_view name) {
  const std::size_t equals = pair.find('=');
  return equals != std::string_view::npos && base::trim(pair.substr(0, equals)) == name;
}

std::string_view without_cookie(std::string_view cookie_header, std::string_view name, base::Arena& arena) {
  base::ArenaText kept;
  for (const std::string_view pair : base::split(cookie_header, ';')) {
    if (is_named(pair, name) || base::trim(pair).empty()) continue;
    if (!kept.empty()) kept.append(arena, "; ");
    kept.append(arena, base::trim(pair));
  }
  return kept.view();
}

}  // namespace

std::optional<std::string_view> find_cookie(std::string_view cookie_header, std::string_view name) {
  while (!cookie_header.empty()) {
    const std::size_t end = std::min(cookie_header.find(';'), cookie_header.size());
    const std::string_view pair = cookie_header.substr(0, end);
    if (is_named(pair, name)) return base::trim(pair.substr(pair.find('=') + 1));
    cookie_header.remove_prefix(std::min(end + 1, cookie_header.size()));
  }
  return std::nullopt;
}

std::optional<std::string_view> find_cookie(const HeaderMap& headers, std::string_view name) {
  if (!headers.has(KnownHeader::kCookie)) return std::nullopt;
  for (const HeaderField& field : headers) {
    if (field.id != KnownHeader::kCookie) continue;
    if (const auto value = find_cookie(field.value, name)) return value;
  }
  return std::nullopt;
}

void remove_cookie(HeaderMap& headers, std::string_view name, base::Arena& arena) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    HeaderField& field = headers.at(i);
    if (field.id != KnownHeader::kCookie || !find_cookie(field.value, name)) continue;
    field.value = without_cookie(field.value, name, arena);
    field.intact = false;
  }
  headers.remove_if(
      [](const HeaderField& field) { return field.id == KnownHeader::kCookie && field.value.empty(); });
}

}  // namespace apisix::http
