// Reading what the store holds: items as JSON, and the parts of their keys.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/read.h"
#include "shared/store/store.h"

namespace apisix::config {

// "/apisix/routes/1" is {"routes", "1"}; "/apisix/plugins" is {"plugins", ""}.
struct StoredKey {
  std::string_view folder;
  std::string_view id;

  // `prefix` of all keys: "/apisix".
  static StoredKey of(std::string_view key, std::string_view prefix) {
    key.remove_prefix(std::min(key.size(), prefix.size() + 1));
    const auto slash = key.find('/');
    if (slash == std::string_view::npos) return {key, {}};
    return {key.substr(0, slash), key.substr(slash + 1)};
  }
};

inline base::Result<format::Json> parse_object(const store::Item& item) {
  auto value = format::parse_json(item.value);
  if (!value) return value;
  if (!value->isObject()) return base::invalid("not a JSON object");
  return value;
}

// Ids are strings or numbers in stored objects; "" when there is none.
inline std::string text_of(const format::Json& value) {
  if (value.isString()) return format::string_of(value);
  return value.isNull() ? std::string() : format::to_json(value);
}

}  // namespace apisix::config
