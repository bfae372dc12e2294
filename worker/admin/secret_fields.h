// SecretFields: what of an object is encrypted in the store and what GET shows of it. Private keys of
// certificates and of upstreams' client certificates always are (when there is a keyring); fields of plugins
// are when apisix.data_encryption.enable_encrypt_fields says so. The responses to writes show what was
// stored.
#pragma once

#include <string_view>

#include "shared/base/keyring.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"
#include "shared/settings/settings.h"

namespace apisix::config {
class Registry;
}
namespace apisix::plugin {
class PluginSet;
}

namespace apisix::admin {

class SecretFields {
 public:
  SecretFields(const settings::Settings& settings, const config::Registry& registry);

  // Of a valid object, before it is stored. `id` is that of the Admin path.
  void encrypt(resource::Kind kind, std::string_view id, format::Json& value) const;
  // The plugins' fields of a stored object.
  void decrypt(resource::Kind kind, std::string_view id, format::Json& value) const;
  // For the response to a write: without private keys that nothing encrypted.
  static void hide_plain_keys(resource::Kind kind, format::Json& value);
  // For GET: decrypted, without the private keys of certificates.
  void show(resource::Kind kind, std::string_view id, format::Json& value) const;
  const plugin::PluginSet& plugins() const;
  // Of private keys.
  const base::Keyring& keyring() const { return keyring_; }

 private:
  base::Keyring keyring_;
  const config::Registry& registry_;
};

}  // namespace apisix::admin
