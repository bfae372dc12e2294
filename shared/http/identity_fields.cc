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

}  // namespace

bool is_same_identity(std::string_view sent, std::string_view name) {
  return std::ranges::equal(sent, name, {}, variable_character, variable_character);
}

bool is_consumer_field(std::string_view sent) {
  return std::ranges::any_of(kConsumerFields,
                             [sent](std::string_view name) { return is_same_identity(sent, name); });
}

}  // namespace apisix::http
