#include "shared/http/identity_fields.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::http {

bool is_same_identity(std::string_view sent, std::string_view name) {
  if (sent.size() != name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char a = sent[i] == '_' ? '-' : base::to_lower(sent[i]);
    const char b = name[i] == '_' ? '-' : base::to_lower(name[i]);
    if (a != b) return false;
  }
  return true;
}

bool is_consumer_field(std::string_view sent) {
  return std::ranges::any_of(kConsumerFields,
                             [sent](std::string_view name) { return is_same_identity(sent, name); });
}

}  // namespace apisix::http
