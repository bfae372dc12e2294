#include "worker/admin/secret_mask.h"

#include <algorithm>
#include <array>
#include <string>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "worker/secret/uses.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using plugin::ConfScope;
using resource::Kind;

// Of members of plugins that this build does not have: what APISIX's schemas list as encrypted ends in these,
// or is below them.
constexpr std::array<std::string_view, 10> kSecretNames = {
    "key",     "apikey", "password", "secret", "token",
    "secrets", "header", "headers",  "query",  "service_account_json"};
constexpr std::array<std::string_view, 8> kSecretParts = {
    "password", "secret", "token", "apikey", "api_key", "access_key", "accesskey", "private_key"};

void hide_all(Json& value, const Json& before);

const Json& element_of(const Json& list, Json::ArrayIndex index) {
  return list.isArray() && index < list.size() ? list[index] : Json::nullSingleton();
}

template <typename Use>
void for_each_child(Json& value, const Json& before, const Use& use) {
  if (value.isObject()) {
    for (const std::string& name : value.getMemberNames()) use(name, value[name], find_member(before, name));
  } else if (value.isArray()) {
    for (Json::ArrayIndex i = 0; i < value.size(); ++i) use({}, value[i], element_of(before, i));
  }
}

// A secret, or a list or object of them.
void hide_all(Json& value, const Json& before) {
  if (value.isObject() || value.isArray()) {
    return for_each_child(value, before,
                          [](const std::string&, Json& child, const Json& old) { hide_all(child, old); });
  }
  if (value.isNull() || value.isBool() || secret::has_references(value)) return;
  const bool differs = !before.isNull() && before != value;
  value = std::string(differs ? kHiddenAndChanged : kHidden);
}

void hide_member(Json& object, const Json& before, const std::string& name) {
  if (object.isObject() && object.isMember(name)) hide_all(object[name], find_member(before, name));
}

// "a.b.c", through objects and every element of arrays.
void hide_at(Json& value, const Json& before, std::string_view path) {
  if (value.isArray()) {
    return for_each_child(value, before, [path](const std::string&, Json& child, const Json& old) {
      hide_at(child, old, path);
    });
  }
  const auto dot = path.find('.');
  const std::string name(path.substr(0, dot));
  if (dot == path.npos) return hide_member(value, before, name);
  if (value.isObject() && value.isMember(name))
    hide_at(value[name], find_member(before, name), path.substr(dot + 1));
}

bool is_secret_name(std::string_view name) {
  const std::string lower = base::to_lower(name);
  return std::ranges::find(kSecretNames, lower) != kSecretNames.end() ||
         std::ranges::any_of(kSecretParts, [&lower](std::string_view part) { return lower.contains(part); });
}

bool is_private_key(std::string_view name) {
  return name == "private_key" || name == "client_key";
}

// Of a vault, AWS or Google Cloud.
bool is_managers_credential(std::string_view name) {
  return name == "token" || name == "secret_access_key" || name == "session_token" || name == "private_key";
}

// Every member, at any depth, whose name `is_secret`.
template <typename IsSecret>
void hide_named(Json& value, const Json& before, const IsSecret& is_secret) {
  for_each_child(value, before, [&](const std::string& name, Json& child, const Json& old) {
    if (is_secret(name)) {
      hide_all(child, old);
    } else {
      hide_named(child, old, is_secret);
    }
  });
}

void hide_in_conf(const plugin::PluginSet& plugins, const std::string& name, ConfScope scope, Json& conf,
                  const Json& before) {
  const Json* schema = plugins.find_schema_of(name, scope);
  if (schema == nullptr) return hide_named(conf, before, is_secret_name);
  for (const Json& path : find_member(*schema, "encrypt_fields")) {
    if (path.isString()) hide_at(conf, before, format::string_of(path));
  }
  hide_named(conf, before, is_private_key);
}

void hide_in_plugins(const plugin::PluginSet& plugins, ConfScope scope, Json& object, const Json& before) {
  if (!find_member(object, "plugins").isObject()) return;
  const Json& old = find_member(before, "plugins");
  for_each_child(object["plugins"], old, [&](const std::string& name, Json& conf, const Json& old_conf) {
    hide_in_conf(plugins, name, scope, conf, old_conf);
  });
}

}  // namespace

void hide_secrets(const plugin::PluginSet& plugins, const resource::ItemKey& key, Json& value,
                  const Json& before) {
  if (!value.isObject()) return;
  switch (key.kind) {
    case Kind::kSsl:
      hide_member(value, before, "key");
      return hide_member(value, before, "keys");
    case Kind::kSecret:
      return hide_named(value, before, is_managers_credential);
    case Kind::kPluginMetadata:
      return hide_in_conf(plugins, key.id, ConfScope::kMetadata, value, before);
    case Kind::kConsumer:
    case Kind::kCredential:
      return hide_in_plugins(plugins, ConfScope::kConsumer, value, before);
    default:
      hide_at(value, before, "tls.client_key");
      hide_at(value, before, "upstream.tls.client_key");
      return hide_in_plugins(plugins, ConfScope::kResource, value, before);
  }
}

}  // namespace apisix::admin
