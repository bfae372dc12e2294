#include "worker/admin/secret_fields.h"

#include <algorithm>
#include <string>

#include "shared/format/read.h"
#include "worker/config/registry.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {
namespace {

using format::Json;
using resource::Kind;

void encrypt_key(Json& value, const base::Keyring& keyring) {
  if (value.isString()) value = keyring.encrypt_pem(format::string_of(value));
}

bool is_pem(const Json& value) {
  return value.isString() && format::string_of(value).starts_with("---");
}

void encrypt_certificate_keys(Json& ssl, const base::Keyring& keyring) {
  if (ssl.isMember("key")) encrypt_key(ssl["key"], keyring);
  if (!format::find_member(ssl, "keys").isArray()) return;
  for (Json& key : ssl["keys"]) encrypt_key(key, keyring);
}

void encrypt_client_key(Json& upstream, const base::Keyring& keyring) {
  if (!format::find_member(upstream, "tls").isObject() || !upstream["tls"].isMember("client_key")) return;
  encrypt_key(upstream["tls"]["client_key"], keyring);
}

// As in APISIX: the plugins of stream routes are stored as they are.
bool has_secret_plugins(Kind kind, const Json& value) {
  return kind != Kind::kStreamRoute && format::find_member(value, "plugins").isObject();
}

resource::PluginScope scope_of(Kind kind) {
  const bool is_consumer = kind == Kind::kConsumer || kind == Kind::kCredential;
  return is_consumer ? resource::PluginScope::kConsumer : resource::PluginScope::kHttp;
}

}  // namespace

SecretFields::SecretFields(const settings::Settings& settings, const config::Registry& registry)
    : keyring_(settings.apisix.data_encryption.keyring), registry_(registry) {}

const plugin::PluginSet& SecretFields::plugins() const {
  return registry_.plugins();
}

void SecretFields::encrypt(Kind kind, std::string_view id, Json& value) const {
  if (!value.isObject()) return;
  if (kind == Kind::kSsl) encrypt_certificate_keys(value, keyring_);
  if (kind == Kind::kUpstream) encrypt_client_key(value, keyring_);
  if (value.isMember("upstream")) encrypt_client_key(value["upstream"], keyring_);
  if (kind == Kind::kPluginMetadata) return registry_.plugins().encrypt_metadata(id, value);
  if (has_secret_plugins(kind, value)) registry_.plugins().encrypt(value["plugins"], scope_of(kind));
}

void SecretFields::decrypt(Kind kind, std::string_view id, Json& value) const {
  if (kind == Kind::kPluginMetadata) return registry_.plugins().decrypt_metadata(id, value);
  if (has_secret_plugins(kind, value)) registry_.plugins().decrypt(value["plugins"], scope_of(kind));
}

void SecretFields::hide_plain_keys(Kind kind, Json& value) {
  if (kind != Kind::kSsl || !value.isObject()) return;
  if (is_pem(format::find_member(value, "key"))) value.removeMember("key");
  const Json& keys = format::find_member(value, "keys");
  if (keys.isArray() && std::any_of(keys.begin(), keys.end(), is_pem)) value.removeMember("keys");
}

void SecretFields::show(Kind kind, std::string_view id, Json& value) const {
  decrypt(kind, id, value);
  if (kind != Kind::kSsl || !value.isObject()) return;
  value.removeMember("key");
  value.removeMember("keys");
}

}  // namespace apisix::admin
