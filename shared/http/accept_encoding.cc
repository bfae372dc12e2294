#include "shared/http/accept_encoding.h"

#include "shared/base/text.h"

namespace apisix::http {
namespace {

// Of the parameters behind a coding, ";q=0.5": false only for a weight of zero.
bool has_weight(std::string_view parameters) {
  while (!parameters.empty()) {
    parameters.remove_prefix(1);  // ';'
    const auto end = std::min(parameters.find(';'), parameters.size());
    const std::string_view one = base::trim(parameters.substr(0, end));
    parameters.remove_prefix(end);
    if (one.size() < 2 || (one[0] != 'q' && one[0] != 'Q') || one[1] != '=') continue;
    return one.substr(2).find_first_of("123456789") != std::string_view::npos;
  }
  return true;
}

}  // namespace

bool accepts_coding(const HeaderMap& request_headers, std::string_view coding) {
  bool any_accepted = false;
  for (const HeaderField& field : request_headers) {
    if (field.id != KnownHeader::kAcceptEncoding) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      const std::string_view item = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      const auto semicolon = std::min(item.find(';'), item.size());
      const std::string_view name = base::trim(item.substr(0, semicolon));
      const bool accepted = has_weight(item.substr(semicolon));
      if (base::equals_ignore_case(name, coding)) return accepted;
      any_accepted |= name == "*" && accepted;
    }
  }
  return any_accepted;
}

}  // namespace apisix::http
