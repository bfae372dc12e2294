// NameIndex: which objects are meant by a server name, by the rules of APISIX's radixtree_sni: letters of
// either case and a dot at the end do not matter; an exact name comes before a wildcard, the longest wildcard
// before shorter ones; "*.x.com" covers one label, and a name with more that lands on it is refused and not
// tried elsewhere; "*" alone covers every name. Of several objects with one name the oldest serves.
// A lookup costs a few hashes, whatever the number of names; a change what it changes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/text.h"

namespace apisix::tls {

// Who has names. By age; what was created at once (by one transaction, in one file) by id.
struct NameOwner {
  std::int64_t created = 0;
  std::string id = {};
};

class NameIndex {
 public:
  // OpenSSL takes no longer server name (TLSEXT_MAXLEN_host_name), so a longer one is never looked for.
  static constexpr std::size_t kNameBytesMax = 255;

  // `name`: by base::comparable_host(), may start with '*'. `owner` is not at this name yet, and stays where
  // it is in memory.
  void insert(std::string_view name, const NameOwner& owner);
  void erase(std::string_view name, const NameOwner& owner);

  struct Match {
    const NameOwner* owner = nullptr;  // null: none
    // It landed on a wildcard that covers one label less: no other is tried.
    bool is_too_deep = false;
    std::string wildcard = {};             // the one it landed on; "": it was found by its own name
    const NameOwner* landed_on = nullptr;  // whose that is, also when the name is too deep for it
  };
  // `name`: by base::comparable_host().
  Match find(std::string_view name) const;

  std::size_t size() const { return exact_.size() + wildcards_.size(); }

 private:
  // Sorted: the first serves.
  using Owners = std::vector<const NameOwner*>;
  using Names = std::unordered_map<std::string, Owners, base::StringHash, std::equal_to<>>;

  Names exact_;
  Names wildcards_;  // by what follows the '*'
  // How many keys of `wildcards_` have this length: only those are looked for.
  std::array<std::uint32_t, kNameBytesMax + 1> wildcard_lengths_{};
};

}  // namespace apisix::tls
