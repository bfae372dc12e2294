#include "shared/resource/encrypted_fields.h"

#include <optional>
#include <string>
#include <string_view>

#include "shared/base/log.h"
#include "shared/format/read.h"

namespace apisix::resource {
namespace {

using format::Json;

// What becomes of a text; nullopt: nothing.
template <typename Change>
void change_text(Json& value, const Change& change) {
  if (!value.isString()) return;
  if (const std::optional<std::string> changed = change(format::string_of(value))) value = *changed;
}

template <typename Change>
void change_leaf(Json& value, const Change& change) {
  change_text(value, change);
  if (!value.isArray() && !value.isObject()) return;
  for (Json& element : value) change_text(element, change);
}

template <typename Change>
void change_at(Json& object, std::string_view path, const Change& change) {
  if (!object.isObject()) return;
  const std::size_t dot = path.find('.');
  const std::string name(path.substr(0, dot));
  if (!object.isMember(name)) return;
  Json& member = object[name];
  if (dot == std::string_view::npos) return change_leaf(member, change);
  const std::string_view rest = path.substr(dot + 1);
  if (!member.isArray()) return change_at(member, rest, change);
  for (Json& element : member) change_at(element, rest, change);
}

template <typename Change>
void change_fields(Json& conf, const Json& schema, const Change& change) {
  for (const Json& path : format::find_member(schema, "encrypt_fields")) {
    if (path.isString()) change_at(conf, format::string_of(path), change);
  }
}

}  // namespace

void encrypt_fields(Json& conf, const Json& schema, const base::Keyring& keyring) {
  if (keyring.empty()) return;
  change_fields(conf, schema, [&](const std::string& text) { return std::optional(keyring.encrypt(text)); });
}

void decrypt_fields(Json& conf, const Json& schema, const base::Keyring& keyring) {
  if (keyring.empty()) return;
  change_fields(conf, schema, [&](const std::string& text) -> std::optional<std::string> {
    auto plain = keyring.decrypt(text);
    if (plain) return std::move(*plain);
    base::log_info("an encrypted field is used as it is stored: {}", plain.error().what);
    return std::nullopt;
  });
}

}  // namespace apisix::resource
