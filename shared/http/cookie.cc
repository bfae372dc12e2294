#include "shared/http/cookie.h"

#include "shared/base/text.h"

namespace apisix::http {

std::optional<std::string_view> find_cookie(std::string_view cookie_header, std::string_view name) {
  while (!cookie_header.empty()) {
    const std::size_t end = std::min(cookie_header.find(';'), cookie_header.size());
    const std::string_view pair = cookie_header.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && base::trim(pair.substr(0, equals)) == name) {
      return base::trim(pair.substr(equals + 1));
    }
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

}  // namespace apisix::http
