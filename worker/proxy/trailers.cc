#include "worker/proxy/trailers.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "shared/base/text.h"
#include "shared/http/identity_fields.h"

namespace apisix::proxy {

bool is_digest(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"Content-Digest", "Repr-Digest", "Digest",
                                                      "Content-MD5"};
  return std::ranges::any_of(
      kNames, [name](std::string_view known) { return base::equals_ignore_case(name, known); });
}

void join_trailers(http::HeaderMap*& fields, const http::HeaderMap& sent, bool body_changed,
                   base::Arena& arena) {
  const http::HeaderMap* const set = fields;
  const auto is_set = [set](std::string_view name) {
    return set != nullptr && std::ranges::any_of(*set, [name](const http::HeaderField& field) {
             return http::is_same_identity(name, field.name);
           });
  };
  fields = arena.make<http::HeaderMap>();
  for (const http::HeaderField& field : sent) {
    if (!is_set(field.name) && !(body_changed && is_digest(field.name))) fields->push(arena, field);
  }
  if (set == nullptr) return;
  for (const http::HeaderField& field : *set) fields->push(arena, field);
}

}  // namespace apisix::proxy
