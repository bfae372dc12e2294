#include "shared/settings/keys.h"

#include <functional>
#include <unordered_map>

namespace apisix::settings {
namespace {

using KeyIndex = std::unordered_map<std::string_view, const Key*>;

KeyIndex index_of_all_keys() {
  KeyIndex index;
  for (const auto& keys : {engine_keys(), plugin_keys(), discovery_keys()}) {
    for (const Key& key : keys) index.emplace(key.path, &key);
  }
  return index;
}

}  // namespace

const Key* find_key(std::string_view pattern) {
  static const KeyIndex index = index_of_all_keys();
  const auto found = index.find(pattern);
  return found == index.end() ? nullptr : found->second;
}

}  // namespace apisix::settings
