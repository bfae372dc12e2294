#include "worker/admin/write_rules.h"

#include <fmt/format.h>

#include "shared/resource/fields.h"
#include "shared/resource/global_plugins.h"
#include "worker/admin/catch_up.h"
#include "worker/admin/consumer_key.h"
#include "worker/config/registry.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

Refusal bad_reference(const resource::Reference& reference, const std::string& text) {
  Refusal out;
  out.what.add(text, {.pointer = reference.pointer,
                      .rule = "reference",
                      .message = text,
                      .value = reference.id,
                      .hint = "create the object it names first"});
  return out;
}

// What the named object must be besides existing; "" = it is.
std::string misfit_text(const resource::Reference& reference, const Json& value, const Json& named) {
  if (reference.kind == Kind::kSsl) {
    return resource::text_field(named, "type") == "client" ? "" : reference.wrong_ssl_type_text();
  }
  if (reference.kind != Kind::kStreamRoute) return "";
  const std::string protocol = resource::text_field(find_member(value, "protocol"), "name");
  const Json& superior = find_member(named, "protocol");
  if (superior.isNull() || resource::text_field(superior, "name") == protocol) return "";
  return fmt::format("protocol mismatch: subordinate protocol [{}] does not match superior protocol [{}]",
                     protocol, resource::text_field(superior, "name"));
}

}  // namespace

async::Task<std::optional<Refusal>> WriteRules::check(const ResourcePath& path, const Json& value,
                                                      References references) const {
  Json copy = value;  // validation fills in defaults, which are not stored
  const std::string path_id = path.kind == Kind::kSecret ? path.item_id() : path.id;
  resource::Validation validation =
      resource::validate(path.kind, copy, {.hooks = hooks_, .is_stored = false, .path_id = path_id});
  if (!validation.ok()) co_return Refusal{400, std::move(validation)};
  if (path.kind == Kind::kGlobalRule) co_return co_await check_global_rules(path, value);
  if (path.kind == Kind::kConsumer || path.kind == Kind::kCredential) {
    if (auto taken = co_await check_consumer_keys(path, value)) co_return std::move(taken);
  }
  if (references == References::kNotAsked) co_return std::nullopt;
  co_return co_await check_references(path.kind, value);
}

async::Task<std::optional<Refusal>> WriteRules::check_consumer_keys(const ResourcePath& path,
                                                                    const Json& value) const {
  const std::vector<ConsumerKey> keys =
      consumer_keys(find_member(value, "plugins"), context_.registry.plugins());
  if (keys.empty()) co_return std::nullopt;
  co_await catch_up(context_.loop, store_, context_.registry, context_.prefix());
  const bool is_credential = path.kind == Kind::kCredential;
  const std::string username = is_credential ? path.parent : resource::text_field(value, "username");
  for (const ConsumerKey& key : keys) {
    const auto owner = context_.registry.plugin_directory().consumers().find(key.plugin, key.value);
    if (!owner) continue;
    const std::string& owner_name = owner->consumer->username;
    // A consumer may give its own credential's key to itself.
    if (owner_name == username && (!is_credential || owner->credential_id == path.id)) continue;
    if (is_replaced(owner_name, owner->credential_id)) continue;
    const std::string who = owner->credential_id.empty()
                                ? "consumer: " + owner_name
                                : "credential: " + owner->credential_id + " of consumer: " + owner_name;
    const std::string text =
        fmt::format("duplicate {} of plugin {} found with {}", key.member, key.plugin, who);
    Refusal refusal;
    refusal.what.add(text, {fmt::format("/plugins/{}/{}", key.plugin, key.member), "unique", text, {}, ""});
    co_return refusal;
  }
  co_return std::nullopt;
}

bool WriteRules::is_replaced(const std::string& username, const std::string& credential_id) const {
  if (!is_replaced_) return false;
  const std::string id =
      credential_id.empty() ? username : resource::item_id(Kind::kCredential, username, credential_id);
  return is_replaced_(context_.prefix() + resource::store_key(Kind::kConsumer, id));
}

async::Task<std::optional<Refusal>> WriteRules::check_references(Kind kind, const Json& value) const {
  for (const resource::Reference& reference : resource::references_of(kind, value)) {
    const auto item =
        co_await store_.get(context_.prefix() + resource::store_key(reference.kind, reference.id));
    if (!item) {
      const bool is_missing = item.error().code == base::ErrorCode::kNotFound;
      co_return bad_reference(
          reference, is_missing ? reference.missing_text() : reference.unknown_text(item.error().what));
    }
    const auto named = format::parse_json(item->value);
    const std::string misfit = misfit_text(reference, value, named ? *named : Json());
    if (!misfit.empty()) co_return bad_reference(reference, misfit);
  }
  co_return std::nullopt;
}

// Two global rules with one plugin have no order.
async::Task<std::optional<Refusal>> WriteRules::check_global_rules(const ResourcePath& path,
                                                                   const Json& value) const {
  const auto rules = co_await store_.list(context_.prefix() + resource::collection_key(Kind::kGlobalRule));
  if (!rules) co_return store_refusal(rules.error());
  for (const store::Item& item : rules->items) {
    const auto rule = format::parse_json(item.value);
    if (!rule || resource::id_field(*rule, "id") == path.id) continue;
    const Json& taken = find_member(*rule, "plugins");
    const Json& plugins = find_member(value, "plugins");
    if (!plugins.isObject()) continue;  // Lua's empty table
    for (const std::string& plugin : plugins.getMemberNames()) {
      if (find_member(taken, plugin).isNull()) continue;
      const std::string text = resource::global_plugin_taken(plugin, resource::id_field(*rule, "id"));
      Refusal refusal;
      refusal.what.add(text, {"/plugins/" + plugin, "unique", text, {}, "change that global rule instead"});
      co_return refusal;
    }
  }
  co_return std::nullopt;
}

async::Task<std::optional<Refusal>> WriteRules::check_consumer(const ResourcePath& path) const {
  const auto consumer =
      co_await store_.get(context_.prefix() + resource::store_key(Kind::kConsumer, path.parent));
  if (consumer) co_return std::nullopt;
  if (consumer.error().code == base::ErrorCode::kNotFound) co_return refuse(404, "consumer not found");
  co_return store_refusal(consumer.error());
}

async::Task<std::optional<Refusal>> WriteRules::bind_to_service(ResourceCall& call) const {
  if (call.parent.empty()) co_return refuse(400, "missing service id");
  if (!call.body || !call.body->isObject()) co_return refuse(400, "invalid configuration");
  Json& body = *call.body;
  const std::string written = resource::id_field(body, "service_id");
  if (!written.empty() && written != call.parent) {
    co_return refuse(400, "wrong service_id, it is taken from the path");
  }
  const auto service =
      co_await store_.get(context_.prefix() + resource::store_key(Kind::kService, call.parent));
  if (!service) {
    if (service.error().code == base::ErrorCode::kNotFound) co_return refuse(404, "service not found");
    co_return store_refusal(service.error());
  }
  if (auto taken = co_await check_field_path(call, resource::text_field(body, "field_path"))) {
    co_return std::move(taken);
  }
  body["service_id"] = call.parent;
  co_return std::nullopt;
}

async::Task<std::optional<Refusal>> WriteRules::check_decoration_patch(const ResourceCall& call) const {
  if (!call.body || !call.body->isObject()) co_return refuse(400, "invalid configuration");
  if (call.parent.empty()) co_return refuse(400, "missing service id");
  if (!find_member(*call.body, "service_id").isNull()) co_return refuse(400, "service_id can not be patched");
  co_return co_await check_field_path(call, resource::text_field(*call.body, "field_path"));
}

async::Task<std::optional<Refusal>> WriteRules::check_field_path(const ResourceCall& call,
                                                                 const std::string& field_path) const {
  if (field_path.empty()) co_return std::nullopt;
  const auto found = co_await store_.list(
      context_.prefix() + resource::collection_key(Kind::kGraphqlCostDecoration, call.parent));
  if (!found) co_return store_refusal(found.error());
  for (const store::Item& item : found->items) {
    const auto other = format::parse_json(item.value);
    if (!other || resource::text_field(*other, "field_path") != field_path) continue;
    const std::string other_id = resource::id_field(*other, "id");
    if (other_id == call.id) continue;
    co_return refuse(
        400, fmt::format("field_path {} is already decorated on this service by [{}]", field_path, other_id));
  }
  co_return std::nullopt;
}

}  // namespace apisix::admin
