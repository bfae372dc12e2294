// Keys of the store as they are shown. Configurations of files, and those that are pushed, have no prefix in
// APISIX: "/routes/1" where etcd has "/apisix/routes/1".
#pragma once

#include <string_view>

#include "shared/settings/settings.h"

namespace apisix::settings {

// What keys of the store begin with that is not shown; "" when they are shown whole.
inline std::string_view hidden_key_prefix(const Settings& settings) {
  const bool is_hidden = reads_configuration_file(settings) || takes_pushed_configuration(settings);
  return is_hidden ? std::string_view(settings.deployment.etcd.prefix) : std::string_view();
}

// `key` as it is shown, when keys begin with `hidden_prefix`.
inline std::string_view shown_key(std::string_view key, std::string_view hidden_prefix) {
  if (key.starts_with(hidden_prefix)) key.remove_prefix(hidden_prefix.size());
  return key;
}

}  // namespace apisix::settings
