#include "worker/plugins/auth/hmac_signature.h"

#include <algorithm>

#include "shared/base/text.h"
#include "shared/http/identity_fields.h"
#include "worker/limits.h"

namespace apisix::plugins {
namespace {

constexpr std::string_view kSignatureScheme = "Signature";

bool is_name_character(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z');
}

struct Member {
  std::string_view name;
  std::string_view value;
};

// The first name="value" in a piece between commas.
std::optional<Member> find_member(std::string_view piece) {
  for (std::size_t at = piece.find("=\""); at != piece.npos; at = piece.find("=\"", at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && is_name_character(piece[begin - 1])) --begin;
    const std::size_t end = piece.find('"', at + 2);
    if (end == piece.npos) return std::nullopt;
    if (begin < at) return Member{piece.substr(begin, at - begin), piece.substr(at + 2, end - at - 2)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string_view> HmacSignature::header_names() const {
  if (headers.empty()) return {};
  return base::split(headers, ' ');
}

std::string fault_of_names(std::span<const std::string_view> names) {
  if (names.size() > limits::kSignedHeadersMax) {
    return "more than " + std::to_string(limits::kSignedHeadersMax) + " headers signed";
  }
  for (std::size_t i = 1; i < names.size(); ++i) {
    const auto earlier = names.first(i);
    const bool again = std::ranges::any_of(
        earlier, [name = names[i]](std::string_view other) { return http::is_same_identity(name, other); });
    if (again && !names[i].empty()) return "header \"" + std::string(names[i]) + "\" signed twice";
  }
  return {};
}

std::optional<HmacSignature> parse_hmac_signature(std::string_view field) {
  if (!field.starts_with(kSignatureScheme)) return std::nullopt;
  HmacSignature out;
  for (const std::string_view piece : base::split(field.substr(kSignatureScheme.size()), ',')) {
    const auto member = find_member(piece);
    if (!member) continue;
    if (member->name == "keyId") out.key_id = member->value;
    if (member->name == "algorithm") out.algorithm = member->value;
    if (member->name == "headers") out.headers = member->value;
    if (member->name == "signature") out.signature = member->value;
  }
  return out;
}

}  // namespace apisix::plugins
