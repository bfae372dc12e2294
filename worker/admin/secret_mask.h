// What histories, diffs and dry runs show in the place of secrets: private keys, what the schemas of plugins
// list as encrypted, the credentials of secret managers. Of a plugin that this build does not have, texts
// whose names tell that they are secrets. A reference ($secret://..., $env://...) is no secret.
#pragma once

#include <string_view>

#include "shared/format/json.h"
#include "shared/resource/kind.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {

inline constexpr std::string_view kHidden = "(hidden)";
inline constexpr std::string_view kHiddenAndChanged = "(hidden, changed)";

// `value`: an object as it is used, not as it is encrypted in the store. Its secrets become kHidden, those
// that `before` (null: there was none) has otherwise kHiddenAndChanged: so a diff still says that they
// differ.
void hide_secrets(const plugin::PluginSet& plugins, const resource::ItemKey& key, format::Json& value,
                  const format::Json& before);

}  // namespace apisix::admin
