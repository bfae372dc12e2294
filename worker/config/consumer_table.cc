#include "worker/config/consumer_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "shared/base/log.h"
#include "shared/format/json.h"
#include "shared/format/read.h"
#include "worker/config/refusal.h"
#include "worker/plugin/compiled_schemas.h"
#include "worker/secret/uses.h"

namespace apisix::config {
namespace {

using format::find_member;
using format::Json;

constexpr std::string_view kCredentials = "/credentials/";

std::string text_member(const Json& object, std::string_view name) {
  const Json& value = find_member(object, name);
  if (value.isString()) return format::string_of(value);
  return value.isNumeric() ? format::to_json(value) : std::string();
}

}  // namespace

// What the consumer and its credentials share; its id is the name of the consumer.
struct ConsumerTable::Owner : Referrer {
  explicit Owner(std::string_view username) : Referrer{resource::Kind::kConsumer, std::string(username)} {}

  std::unique_ptr<const std::string> group_id;  // null: in none
  Object* object = nullptr;                     // null: only credentials are there, which match no request
  base::Ref<const plugin::Consumer> current;    // made at first use
  std::size_t objects = 0;
};

// A consumer or a credential.
struct ConsumerTable::Object {
  struct Key {
    std::string plugin;
    std::string value;
  };

  std::string id;
  std::string credential_id;  // empty: the consumer itself
  std::string value;          // as stored
  store::Revision revision = 0;
  Owner* owner = nullptr;
  std::vector<Key> keys;
  std::vector<secret::Uses> secrets;  // one for each auth plugin that refers to any
  std::vector<std::pair<std::string, base::Ref<const plugin::ConsumerAuth>>> compiled;  // by plugin
};

ConsumerTable::ConsumerTable(const plugin::PluginSet& plugins, secret::SecretCache& secrets,
                             References& references)
    : plugins_(&plugins), secrets_(secrets), references_(references) {}
ConsumerTable::~ConsumerTable() = default;

const ConsumerTable::Keys* ConsumerTable::find_keys(std::string_view plugin) const {
  for (const PluginKeys& each : by_plugin_) {
    if (each.plugin == plugin) return &each.keys;
  }
  return nullptr;
}

ConsumerTable::Keys* ConsumerTable::find_keys(std::string_view plugin) {
  return const_cast<Keys*>(std::as_const(*this).find_keys(plugin));
}

ConsumerTable::Keys& ConsumerTable::keys_of(std::string_view plugin) {
  if (Keys* keys = find_keys(plugin)) return *keys;
  return by_plugin_.emplace_back(std::string(plugin), Keys()).keys;
}

ConsumerTable::Owner& ConsumerTable::owner_of(std::string_view username) {
  auto& owner = owners_[std::string(username)];
  if (!owner) owner = std::make_unique<Owner>(username);
  return *owner;
}

base::Status ConsumerTable::put(std::string_view id, const store::Item& item) {
  ++version_;
  auto value = format::parse_json(item.value);
  if (!value) return std::unexpected(value.error());
  if (!value->isObject()) return base::invalid("not a JSON object");
  Json& plugins = (*value)["plugins"];
  const auto validation = plugins_->open_stored(plugins, resource::PluginScope::kConsumer);
  if (!validation.ok()) return base::invalid(validation.error_msg);
  const auto split = id.find(kCredentials);
  const std::string_view username = id.substr(0, split);

  erase(id);
  auto object = std::make_unique<Object>();
  object->id = id;
  object->value = item.value;
  object->revision = item.mod_revision;
  object->owner = &owner_of(username);
  ++object->owner->objects;
  if (split != std::string_view::npos) {
    object->credential_id = id.substr(split + kCredentials.size());
  } else {
    Owner& owner = *object->owner;
    owner.object = object.get();
    owner.current = nullptr;
    if (std::string group_id = text_member(*value, "group_id"); !group_id.empty()) {
      owner.group_id = std::make_unique<const std::string>(std::move(group_id));
      references_.add(owner, resource::Kind::kConsumerGroup, *owner.group_id);
    }
  }
  index(*object, plugins);
  objects_[std::string(id)] = std::move(object);
  return {};
}

void ConsumerTable::erase(std::string_view id) {
  ++version_;
  const auto found = objects_.find(id);
  if (found == objects_.end()) return;
  Object& object = *found->second;
  unindex(object);
  Owner& owner = *object.owner;
  if (owner.object == &object) leave(owner);
  if (--owner.objects == 0) owners_.erase(owners_.find(owner.id));
  objects_.erase(found);
}

// The consumer itself; credentials may stay.
void ConsumerTable::leave(Owner& owner) {
  if (owner.group_id) references_.remove(owner, resource::Kind::kConsumerGroup, *owner.group_id);
  owner.group_id = nullptr;
  owner.object = nullptr;
  owner.current = nullptr;
}

void ConsumerTable::index(Object& object, Json& plugins) {
  if (!plugins.isObject()) return;
  for (const std::string& name : plugins.getMemberNames()) {
    const plugin::PluginKind* kind = plugins_->find(name);
    if (kind == nullptr || !kind->info().is_auth) continue;
    // Scripts go through all consumers of their plugin (each()): what they match, and whether there is such a
    // member, they alone know.
    const bool is_script = plugin::schemas_of(*kind).checks_itself;
    if (!is_script && kind->info().consumer_key.empty()) continue;
    Json& conf = plugins[name];
    if (secret::has_references(conf)) {
      const secret::Uses& uses = object.secrets.emplace_back(secret::Uses::resolve(conf, secrets_));
      with_secrets_.insert(&object);
      has_pending_ |= uses.is_pending();
      if (uses.is_pending()) continue;
      if (uses.has_unresolved()) {
        base::log_error(
            "failed to resolve secret reference in consumer auth credential, skipping: "
            "consumers/{}, plugin {}",
            object.id, name);
        continue;
      }
    }
    const std::string key = is_script ? object.id : text_member(conf, kind->info().consumer_key);
    if (key.empty()) {
      base::log_error("consumers/{}: the {} of {} is missing, nobody is recognised by it", object.id,
                      kind->info().consumer_key, name);
      continue;
    }
    object.keys.push_back({name, key});
    keys_of(name).emplace(key, &object);
  }
}

Json ConsumerTable::plugins_of(const Object& object) const {
  auto value = format::parse_json(object.value);  // it was parsed before
  Json plugins = find_member(*value, "plugins");
  static_cast<void>(plugins_->open_stored(plugins, resource::PluginScope::kConsumer));  // it passed before
  return plugins;
}

void ConsumerTable::follow_secrets() {
  if (secrets_version_ == secrets_.version()) return;
  secrets_version_ = secrets_.version();
  has_pending_ = false;
  const std::vector<Object*> users(with_secrets_.begin(), with_secrets_.end());
  for (Object* object : users) {
    if (std::ranges::any_of(object->secrets, &secret::Uses::changed)) {
      unindex(*object);
      object->compiled.clear();
      Json plugins = plugins_of(*object);
      index(*object, plugins);
    } else {
      has_pending_ |= std::ranges::any_of(object->secrets, &secret::Uses::is_pending);
    }
  }
}

bool ConsumerTable::has_pending() {
  if (with_secrets_.empty()) return false;
  secrets_.want_all();
  follow_secrets();
  return has_pending_;
}

void ConsumerTable::unindex(Object& object) {
  for (const Object::Key& key : object.keys) {
    Keys* const of_plugin = find_keys(key.plugin);
    if (of_plugin == nullptr) continue;
    Keys& keys = *of_plugin;
    const auto [first, last] = keys.equal_range(key.value);
    for (auto at = first; at != last; ++at) {
      if (at->second != &object) continue;
      keys.erase(at);
      break;
    }
  }
  object.keys.clear();
  object.secrets.clear();
  with_secrets_.erase(&object);
}

void ConsumerTable::set_plugins(const plugin::PluginSet& plugins) {
  ++version_;
  plugins_ = &plugins;
  by_plugin_.clear();
  with_secrets_.clear();
  for (auto& [name, owner] : owners_) owner->current = nullptr;
  for (auto& [id, object] : objects_) {
    object->keys.clear();
    object->secrets.clear();
    object->compiled.clear();
    auto value = format::parse_json(object->value);
    if (!value) continue;
    Json& plugins = (*value)["plugins"];
    plugins_->decrypt(plugins, resource::PluginScope::kConsumer);
    index(*object, plugins);
  }
}

base::Ref<const plugin::Consumer> ConsumerTable::current(Owner& owner) {
  if (owner.current || owner.object == nullptr) return owner.current;
  const auto value = format::parse_json(owner.object->value);  // it was parsed before
  Json plugins = plugins_of(*owner.object);
  auto consumer = base::make_counted<plugin::Consumer>();
  if (plugins.isObject()) {
    for (const std::string& name : plugins.getMemberNames()) {
      const plugin::PluginKind* kind = plugins_->find(name);
      if (kind != nullptr && kind->info().is_auth) {
        plugins.removeMember(name);
      } else if (plugin::is_disabled(plugins[name])) {
        consumer->disabled.push_back(name);
      }
    }
  }
  consumer->username = text_member(*value, "username");
  consumer->group_id = text_member(*value, "group_id");
  consumer->labels = find_member(*value, "labels");
  consumer->custom_id = text_member(consumer->labels, "custom_id");
  consumer->plugins = plugin::make_confs(*plugins_, plugins, "/consumers/" + owner.id,
                                         static_cast<std::uint64_t>(owner.object->revision));
  if (const std::string missing = find_missing(*plugins_, plugins); !missing.empty()) {
    base::log_error("consumer {} names plugin {}, which this gateway does not have: it is answered 503",
                    owner.id, missing);
    add_refusal(consumer->plugins, "/consumers/" + owner.id);
  }
  owner.current = base::Ref<const plugin::Consumer>(consumer.get());
  return owner.current;
}

base::Ref<const plugin::ConsumerAuth> ConsumerTable::find(std::string_view plugin, std::string_view key) {
  follow_secrets();
  const Keys* const keys = find_keys(plugin);
  if (keys == nullptr) return nullptr;
  const auto [first, last] = keys->equal_range(key);
  Object* object = nullptr;
  for (auto at = first; at != last; ++at) {
    if (object == nullptr || at->second->revision > object->revision) object = at->second;
  }
  if (object == nullptr) return nullptr;
  const auto consumer = current(*object->owner);
  if (!consumer) return nullptr;  // a credential whose consumer is gone
  for (auto& [name, auth] : object->compiled) {
    if (name != plugin) continue;
    if (auth->consumer == consumer) return auth;
    std::erase_if(object->compiled, [plugin](const auto& entry) { return entry.first == plugin; });
    break;
  }
  Json plugins = plugins_of(*object);
  auto auth = base::make_counted<plugin::ConsumerAuth>();
  auth->consumer = consumer;
  auth->credential_id = object->credential_id;
  auth->conf = find_member(plugins, plugin);
  if (!object->secrets.empty()) secret::Uses::resolve(auth->conf, secrets_);
  object->compiled.emplace_back(plugin, base::Ref<const plugin::ConsumerAuth>(auth.get()));
  return object->compiled.back().second;
}

void ConsumerTable::each(
    std::string_view plugin,
    const std::function<void(const base::Ref<const plugin::ConsumerAuth>& auth)>& callback) {
  const Keys* keys = find_keys(plugin);
  if (keys == nullptr) return;
  std::set<std::string> names;
  for (const auto& [key, object] : *keys) names.insert(key);
  for (const std::string& key : names) {
    if (const auto auth = find(plugin, key)) callback(auth);
  }
}

Json ConsumerTable::value_of(std::string_view username) {
  const auto owner = owners_.find(username);
  if (owner == owners_.end() || owner->second->object == nullptr) return {};
  const Object& object = *owner->second->object;
  Json value = *format::parse_json(object.value);  // it was parsed before
  if (Json plugins = plugins_of(object); !plugins.isNull()) value["plugins"] = std::move(plugins);
  return value;
}

bool ConsumerTable::has_any(std::string_view plugin) const {
  const Keys* const keys = find_keys(plugin);
  return keys != nullptr && !keys->empty();
}

base::Ref<const plugin::Consumer> ConsumerTable::find_by_name(std::string_view username) {
  const auto owner = owners_.find(username);
  return owner != owners_.end() ? current(*owner->second) : nullptr;
}

const std::string* ConsumerTable::text_of(std::string_view id) const {
  const auto found = objects_.find(id);
  return found != objects_.end() ? &found->second->value : nullptr;
}

std::string ConsumerTable::find_consumer(std::string_view mentions,
                                         const std::function<bool(const Json&)>& matches) const {
  for (const auto& [id, object] : objects_) {
    if (!object->credential_id.empty() || !object->value.contains(mentions)) continue;
    const auto value = format::parse_json(object->value);
    if (value && matches(*value)) return id;
  }
  return "";
}

}  // namespace apisix::config
