// HashKey: which text of a request chash hashes, compiled from an upstream's `hash_on` and `key`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/arena.h"
#include "shared/base/delegate.h"
#include "shared/resource/upstream.h"

namespace apisix::upstream {

using resource::HashOn;

// How a request's variable is found: "uri", "arg_x", "http_x_y", "cookie_x", "consumer_name", "remote_addr".
using VariableLookup = base::Delegate<std::optional<std::string_view>(std::string_view name)>;

class HashKey {
 public:
  HashKey() = default;
  HashKey(HashOn on, std::string_view key);

  // The text to hash; the client's address when there is none (APISIX's rule). Lives as long as the arena
  // and what `lookup` returned.
  std::string_view of(const VariableLookup& lookup, base::Arena& arena) const;

 private:
  struct Piece {
    std::string text;      // literal, or the name of a variable
    std::string fallback;  // after "??"
    bool is_variable = false;
    bool has_fallback = false;
  };

  void parse_combination(std::string_view key);
  void add_literal(std::string_view text);
  void add_variable(std::string_view text);
  std::optional<std::string_view> combination(const VariableLookup& lookup, base::Arena& arena) const;

  HashOn on_ = HashOn::kVars;
  std::string variable_ = "remote_addr";
  std::vector<Piece> pieces_;
};

}  // namespace apisix::upstream
