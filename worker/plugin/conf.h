// Conf: a typed view of one configuration, or of an object inside it, for the constructors of plugins. Its
// schema has accepted it and filled in the defaults. Nothing here throws: what is missing or of another type
// reads as the empty value of the type that is asked for, and numbers are cut to the bounds named. The view
// does not outlive the JSON; a plugin keeps values, not views.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <json/forwards.h>

#include "shared/base/result.h"

namespace apisix::format {
class LazyRegex;
struct RegexOptions;
}  // namespace apisix::format

namespace apisix::plugin {

class Conf {
 public:
  explicit Conf(const ::Json::Value& value) : value_(&value) {}
  // A view of a temporary would be a view of nothing.
  explicit Conf(const ::Json::Value&& value) = delete;

  const ::Json::Value& json() const { return *value_; }
  const ::Json::Value& json(const char* name) const;

  // The member is there, and not null.
  bool has(const char* name) const;
  bool flag(const char* name) const;
  // A number or a boolean as JSON writes it.
  std::string text(const char* name) const;
  std::optional<std::string> find_text(const char* name) const;
  // Its fraction dropped, cut to [min, max].
  template <std::integral Integer>
  Integer number(const char* name, std::type_identity_t<Integer> min = std::numeric_limits<Integer>::min(),
                 std::type_identity_t<Integer> max = std::numeric_limits<Integer>::max()) const {
    if constexpr (std::is_signed_v<Integer>) {
      return static_cast<Integer>(signed_number(name, min, max));
    } else {
      return static_cast<Integer>(unsigned_number(name, min, max));
    }
  }
  double real(const char* name) const;
  // Of a final response: 200 to 999.
  std::uint16_t status(const char* name) const { return number<std::uint16_t>(name, 200, 999); }
  // The elements of an array, each as text() reads it.
  std::vector<std::string> list(const char* name) const;

  Conf member(const char* name) const;
  // The elements of an array of objects.
  std::vector<Conf> items(const char* name) const;

  // The regular expressions of an array as one ("a|b"), as APISIX joins them; compiled at its first use.
  format::LazyRegex regexes(const char* name, const format::RegexOptions& options) const;
  // For check(): the first of them that does not compile.
  base::Status check_regexes(const char* name) const;

 private:
  std::int64_t signed_number(const char* name, std::int64_t min, std::int64_t max) const;
  std::uint64_t unsigned_number(const char* name, std::uint64_t min, std::uint64_t max) const;

  const ::Json::Value* value_;
};

}  // namespace apisix::plugin
