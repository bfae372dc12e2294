#include "shared/http/header_map.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "shared/base/text.h"
#include "shared/http/h1/scan.h"

namespace apisix::http {
namespace {

constexpr std::array<bool, 256> token_characters() {
  std::array<bool, 256> out{};
  for (int c = '0'; c <= '9'; ++c) out[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) out[c] = out[c - 0x20] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr std::array<bool, 256> kTokenCharacters = token_characters();

constexpr std::uint32_t kFirstCapacity = 16;

// The last eight characters, letters in one case: names of one length mostly differ there, and where these
// differ the names do. A shorter name has none.
std::uint64_t folded_end(std::string_view name) {
  std::uint64_t end = 0;
  if (name.size() < sizeof end) return 0;
  std::memcpy(&end, name.data() + name.size() - sizeof end, sizeof end);
  return end | 0x2020202020202020;
}

bool is_same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && folded_end(a) == folded_end(b) && base::equals_ignore_case(a, b);
}

}  // namespace

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  bool good = true;  // without a branch per character: names are short
  for (const char c : text) good &= kTokenCharacters[static_cast<unsigned char>(c)];
  return good;
}

bool is_valid_header_value(std::string_view value) {
  return !scan::has_any(value, scan::Control{});
}

const HeaderField* HeaderMap::find_present(KnownHeader id) const {
  for (const HeaderField& field : *this) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

const HeaderField* HeaderMap::find(std::string_view name) const {
  const KnownHeader id = identify_header(name);
  if (id != KnownHeader::kUnknown) return find(id);
  if (!has(KnownHeader::kUnknown)) return nullptr;
  for (const HeaderField& field : *this) {
    if (field.id == KnownHeader::kUnknown && base::equals_ignore_case(field.name, name)) return &field;
  }
  return nullptr;
}

std::size_t HeaderMap::count(KnownHeader id) const {
  if (!has(id)) return 0;
  std::size_t out = 0;
  for (const HeaderField& field : *this) out += field.id == id ? 1 : 0;
  return out;
}

std::size_t HeaderMap::count(std::string_view name) const {
  const KnownHeader id = identify_header(name);
  if (id != KnownHeader::kUnknown) return count(id);
  std::size_t out = 0;
  for (const HeaderField& field : *this) out += base::equals_ignore_case(field.name, name) ? 1 : 0;
  return out;
}

bool HeaderMap::add(base::Arena& arena, std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_valid_header_value(value)) return false;
  push(arena, HeaderField{name, value, identify_header(name)});
  return true;
}

bool HeaderMap::add(base::Arena& arena, KnownHeader id, std::string_view value) {
  if (id == KnownHeader::kUnknown || !is_valid_header_value(value)) return false;
  push(arena, HeaderField{header_name(id), value, id});
  return true;
}

bool HeaderMap::set(base::Arena& arena, std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_valid_header_value(value)) return false;
  put(arena, HeaderField{name, value, identify_header(name)});
  return true;
}

bool HeaderMap::set(base::Arena& arena, KnownHeader id, std::string_view value) {
  if (id == KnownHeader::kUnknown || !is_valid_header_value(value)) return false;
  put(arena, HeaderField{header_name(id), value, id});
  return true;
}

template <typename IsSame>
void HeaderMap::replace(base::Arena& arena, const HeaderField& field, IsSame is_same) {
  HeaderField* const end = fields_ + size_;
  HeaderField* at = fields_;
  while (at != end && !is_same(*at)) ++at;
  if (at == end) return push(arena, field);
  *at++ = field;
  while (at != end && !is_same(*at)) ++at;
  if (at == end) [[likely]]
    return;
  HeaderField* kept = at;
  for (; at != end; ++at) {
    if (!is_same(*at)) *kept++ = *at;
  }
  size_ = static_cast<std::uint32_t>(kept - fields_);
}

void HeaderMap::put(base::Arena& arena, const HeaderField& field) {
  if (!has(field.id)) return push(arena, field);
  if (field.id != KnownHeader::kUnknown) [[likely]]
    return replace(arena, field, [id = field.id](const HeaderField& other) { return other.id == id; });
  replace(arena, field, [&field](const HeaderField& other) {
    return other.id == KnownHeader::kUnknown && is_same_name(other.name, field.name);
  });
}

std::size_t HeaderMap::remove(KnownHeader id) {
  if (id == KnownHeader::kUnknown || !has(id)) return 0;
  return remove_if([id](const HeaderField& field) { return field.id == id; });
}

std::size_t HeaderMap::remove(std::string_view name) {
  const KnownHeader id = identify_header(name);
  if (id != KnownHeader::kUnknown) return remove(id);
  if (!has(KnownHeader::kUnknown)) return 0;
  return remove_if([name](const HeaderField& field) { return base::equals_ignore_case(field.name, name); });
}

void HeaderMap::grow(base::Arena& arena, std::uint32_t count) {
  const std::uint32_t capacity = std::max(kFirstCapacity, count + count / 2);  // the gateway adds some
  void* memory = arena.allocate(capacity * sizeof(HeaderField), alignof(HeaderField));
  if (size_ != 0) std::memcpy(memory, fields_, size_ * sizeof(HeaderField));
  fields_ = static_cast<HeaderField*>(memory);
  capacity_ = capacity;
}

}  // namespace apisix::http
