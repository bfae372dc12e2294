// Admin keys: an empty one is replaced by a random one that is written back into config.yaml, touching
// nothing else of the file's text. There is no built-in key.
#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/settings/settings.h"

namespace apisix::settings {

// The key of APISIX 1.x/2.x examples, known to every scanner (CVE-2020-13945).
inline constexpr const char* kKnownAdminKey = "edd1c9f034335f136f87ad84b625c8f1";

// 32 letters and digits from getrandom(2).
base::Result<std::string> random_admin_key();

// For each admin (not viewer) entry with an empty key: generates one, stores it in `settings` and in the file
// at `config_path`. The file is replaced atomically (temporary file, fsync, rename), keeping mode and owner.
// Returns how many keys were generated. Does nothing when the Admin API or its key is off.
base::Result<int> fill_empty_admin_keys(Settings& settings, const std::string& config_path);

// The text of config.yaml with `key` in place of the empty key of entry `index` of
// deployment.admin.admin_key, or with such a section added when there is none.
base::Result<std::string> with_admin_key(const std::string& text, std::size_t index, const std::string& key);

}  // namespace apisix::settings
