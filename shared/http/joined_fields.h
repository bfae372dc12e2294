// The values of all fields of one name as one text, as nginx's $http_ variables show them. One field costs
// nothing; several are joined once per message (base::KeptTexts).
#pragma once

#include <optional>
#include <string_view>

#include "shared/base/kept_texts.h"
#include "shared/http/header_map.h"

namespace apisix::http {

// The fields for which `is_wanted` says so, in wire order; nothing when there is none.
template <typename IsWanted>
std::optional<std::string_view> join_fields(const HeaderMap& headers, std::string_view separator,
                                            base::Arena& arena, base::KeptTexts& kept,
                                            const IsWanted& is_wanted) {
  const HeaderField* first = nullptr;
  const HeaderField* last = nullptr;
  for (const HeaderField& field : headers) {
    if (!is_wanted(field)) continue;
    if (first == nullptr) first = &field;
    last = &field;
  }
  if (first == nullptr) return std::nullopt;
  if (first == last) return first->value;
  return kept.join(arena, [&](const auto& add) {
    add(first->value);
    for (const HeaderField* field = first + 1; field <= last; ++field) {
      if (!is_wanted(*field)) continue;
      add(separator);
      add(field->value);
    }
  });
}

}  // namespace apisix::http
