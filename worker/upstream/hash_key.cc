#include "worker/upstream/hash_key.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::upstream {
namespace {

bool is_name_character(char c) {
  const char lower = base::to_lower(c);
  return (lower >= 'a' && lower <= 'z') || base::is_digit(c) || c == '_' || c == '.';
}

std::string header_variable(std::string_view header) {
  std::string name = "http_" + base::to_lower(header);
  std::ranges::replace(name, '-', '_');
  return name;
}

}  // namespace

HashKey::HashKey(HashOn on, std::string_view key) : on_(on) {
  switch (on) {
    case HashOn::kVars:
      variable_ = key;
      break;
    case HashOn::kHeader:
      variable_ = header_variable(key);
      break;
    case HashOn::kCookie:
      variable_ = "cookie_" + std::string(key);
      break;
    case HashOn::kConsumer:
      variable_ = "consumer_name";
      break;
    case HashOn::kVarsCombinations:
      parse_combination(key);
      break;
  }
}

// "$name", "${ name }", "${name ?? fallback}"; a '$' behind a backslash is text, the backslash too.
void HashKey::parse_combination(std::string_view key) {
  std::size_t at = 0;
  while (at < key.size()) {
    const bool escaped = at > 0 && key[at - 1] == '\\';
    if (key[at] != '$' || escaped || at + 1 == key.size()) {
      add_literal(key.substr(at++, 1));
      continue;
    }
    if (key[at + 1] == '{') {
      const auto close = key.find('}', at);
      const auto inside =
          close == std::string_view::npos ? "" : base::trim(key.substr(at + 2, close - at - 2));
      if (inside.empty()) {
        add_literal(key.substr(at++, 1));
        continue;
      }
      add_variable(inside);
      at = close + 1;
      continue;
    }
    std::size_t end = at + 1;
    while (end < key.size() && is_name_character(key[end])) ++end;
    if (end == at + 1) {
      add_literal("$");
    } else {
      add_variable(key.substr(at + 1, end - at - 1));
    }
    at = end;
  }
}

void HashKey::add_literal(std::string_view text) {
  if (pieces_.empty() || pieces_.back().is_variable) pieces_.emplace_back();
  pieces_.back().text += text;
}

void HashKey::add_variable(std::string_view text) {
  Piece piece;
  piece.is_variable = true;
  const auto mark = text.find("??");
  piece.text = base::trim(text.substr(0, mark));
  if (mark != std::string_view::npos) {
    piece.has_fallback = true;
    text.remove_prefix(mark + 2);
    piece.fallback = base::trim(text.substr(0, text.find("??")));
  }
  pieces_.push_back(std::move(piece));
}

std::optional<std::string_view> HashKey::combination(const VariableLookup& lookup, base::Arena& arena) const {
  auto* const values = static_cast<std::string_view*>(
      arena.allocate(pieces_.size() * sizeof(std::string_view), alignof(std::string_view)));
  std::size_t count = 0;
  std::size_t size = 0;
  bool any = false;
  for (const auto& piece : pieces_) {
    std::optional<std::string_view> value;
    if (!piece.is_variable) {
      value = piece.text;
    } else {
      value = lookup(piece.text);
      if (!value && piece.has_fallback) value = piece.fallback;
      any |= value.has_value();
    }
    if (!value || value->empty()) continue;
    new (&values[count++]) std::string_view(*value);
    size += value->size();
  }
  if (!any) return std::nullopt;
  if (count == 1) return values[0];
  char* const text = arena.text(size);
  char* at = text;
  for (std::size_t i = 0; i < count; ++i) at = std::ranges::copy(values[i], at).out;
  return std::string_view(text, size);
}

std::string_view HashKey::of(const VariableLookup& lookup, base::Arena& arena) const {
  const auto value = on_ == HashOn::kVarsCombinations ? combination(lookup, arena) : lookup(variable_);
  if (value) return *value;
  return lookup("remote_addr").value_or(std::string_view());
}

}  // namespace apisix::upstream
