#include "shared/http/identity_fields.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::http {
namespace {

// As a part of a variable's name.
char variable_character(char c) {
  const char lower = base::to_lower(c);
  return base::is_digit(lower) || (lower >= 'a' && lower <= 'z') ? lower : '-';
}

// Of the lengths of kConsumerFields: what else a client sends is mostly shorter or longer.
constexpr auto kConsumerFieldBytes =
    std::ranges::minmax(kConsumerFields, {}, [](std::string_view name) { return name.size(); });

}  // namespace

bool is_same_identity(std::string_view sent, std::string_view name) {
  return std::ranges::equal(sent, name, {}, variable_character, variable_character);
}

bool is_consumer_field(std::string_view sent) {
  if (sent.size() < kConsumerFieldBytes.min.size() || sent.size() > kConsumerFieldBytes.max.size()) {
    return false;
  }
  return std::ranges::any_of(kConsumerFields,
                             [sent](std::string_view name) { return is_same_identity(sent, name); });
}

void remove_consumer_fields(HeaderMap& headers) {
  remove_if_any(headers, [](const HeaderField& field) { return is_consumer_field(field.name); });
}

}  // namespace apisix::http
