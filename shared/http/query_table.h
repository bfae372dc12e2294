// QueryTable: the arguments of one query string, decoded once and found by name. Made for requests whose
// routes, limits or plugins ask for $arg_ variables; lives in the request's arena, as a view of the query and
// of what was decoded. Building it takes O(n log n) of the query's size, whatever a client puts into it, and
// at most kBytesPerArg bytes for each argument beside one copy of the query.
//
// As OpenResty reads arguments: names and values are decoded, '+' is a space, malformed escapes stay,
// arguments without a name are skipped. Of several with one name the first is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/arena.h"

namespace apisix::http {

class QueryTable {
 public:
  static constexpr std::size_t kBytesPerArg = 16;

  struct Arg {
    std::string_view value = {};  // "" without '='
    bool has_value = false;       // there was a '='
  };

  QueryTable() = default;  // of the empty query
  QueryTable(std::string_view query, base::Arena& arena);

  // The name is compared as it is, case included.
  std::optional<Arg> find(std::string_view name) const;
  // How many different names there are.
  std::size_t size() const { return size_; }
  // Whether the table was made of this very view.
  bool is_of(std::string_view query) const {
    return query.data() == query_.data() && query.size() == query_.size();
  }

 private:
  // Places in text_. `value_at` kNone: no '='.
  struct Entry {
    std::uint32_t name_at = 0;
    std::uint32_t name_size = 0;
    std::uint32_t value_at = 0;
    std::uint32_t value_size = 0;
  };
  static_assert(sizeof(Entry) == kBytesPerArg);
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::string_view name_of(const Entry& entry) const { return text_.substr(entry.name_at, entry.name_size); }
  void read(std::string_view query, char* decoded);
  void sort();

  std::string_view query_;
  std::string_view text_;  // the query, or its decoded copy, piece by piece
  Entry* entries_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace apisix::http
