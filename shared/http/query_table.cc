#include "shared/http/query_table.h"

#include <algorithm>
#include <span>

#include "shared/http/uri.h"

namespace apisix::http {
namespace {

// Client heads are far shorter (large_client_header_buffers); places are 32 bits wide.
constexpr std::size_t kQueryBytesMax = UINT32_MAX - 1;

}  // namespace

QueryTable::QueryTable(std::string_view query, base::Arena& arena) : query_(query), text_(query) {
  if (query.size() > kQueryBytesMax) return;
  std::size_t count = 0;
  for (std::string_view rest = query; next_arg(rest);) ++count;
  if (count == 0) return;
  entries_ = static_cast<Entry*>(arena.allocate(count * sizeof(Entry), alignof(Entry)));
  const bool is_plain = query.find_first_of("%+") == std::string_view::npos;
  read(query, is_plain ? nullptr : arena.text(query.size()));
  sort();
}

// `decoded`: room for the decoded texts, nullptr when they are those of the query.
void QueryTable::read(std::string_view query, char* decoded) {
  const char* const begin = decoded != nullptr ? decoded : query.data();
  char* at = decoded;
  const auto place = [&](std::string_view text) {
    if (decoded == nullptr) return std::pair(static_cast<std::uint32_t>(text.data() - begin), text.size());
    const char* const from = at;
    at = unescape_to(text, at);
    return std::pair(static_cast<std::uint32_t>(from - begin), static_cast<std::size_t>(at - from));
  };
  while (const std::optional<QueryArg> arg = next_arg(query)) {
    const auto [name_at, name_size] = place(arg->name);
    Entry entry{name_at, static_cast<std::uint32_t>(name_size), kNone, 0};
    if (arg->has_value) {
      const auto [value_at, value_size] = place(arg->value);
      entry.value_at = value_at;
      entry.value_size = static_cast<std::uint32_t>(value_size);
    }
    new (entries_ + size_++) Entry(entry);
  }
  if (decoded != nullptr) text_ = {decoded, static_cast<std::size_t>(at - decoded)};
}

// By name, and of one name as they were sent, of which the first stays.
void QueryTable::sort() {
  const std::span<Entry> all(entries_, size_);
  std::ranges::sort(all, [this](const Entry& a, const Entry& b) {
    const int order = name_of(a).compare(name_of(b));
    return order != 0 ? order < 0 : a.name_at < b.name_at;
  });
  const auto rest =
      std::ranges::unique(all, [this](const Entry& a, const Entry& b) { return name_of(a) == name_of(b); });
  size_ -= rest.size();
}

std::optional<QueryTable::Arg> QueryTable::find(std::string_view name) const {
  const std::span<const Entry> all(entries_, size_);
  const auto found =
      std::ranges::lower_bound(all, name, {}, [this](const Entry& entry) { return name_of(entry); });
  if (found == all.end() || name_of(*found) != name) return std::nullopt;
  if (found->value_at == kNone) return Arg{};
  return Arg{text_.substr(found->value_at, found->value_size), true};
}

}  // namespace apisix::http
