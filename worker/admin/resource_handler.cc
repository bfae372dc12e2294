#include "worker/admin/resource_handler.h"

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/base/text.h"
#include "shared/http/uri.h"
#include "shared/resource/fields.h"
#include "shared/resource/id.h"
#include "shared/resource/reference.h"
#include "worker/admin/hooks.h"
#include "worker/admin/list_query.h"
#include "worker/admin/patch.h"
#include "worker/admin/reply.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using proxy::LocalAnswer;

constexpr std::uint64_t kCatchUpMs = 1000;

std::string not_supported(std::string_view method, resource::Kind kind) {
  return fmt::format("not supported `{}` method for {}", method, resource::info_of(kind).words);
}

// The stored object as a single GET shows it.
Json item_json(const store::Item& item) {
  Json out(::Json::objectValue);
  out["key"] = item.key;
  if (auto value = format::parse_json(item.value)) {
    out["value"] = std::move(*value);
  } else {
    out["value"] = item.value;
  }
  out["createdIndex"] = static_cast<Json::Int64>(item.create_revision);
  out["modifiedIndex"] = static_cast<Json::Int64>(item.mod_revision);
  return out;
}

void stamp(Json& value, std::int64_t now, const Json* previous) {
  if (find_member(value, "create_time").isNull()) {
    const Json& before = previous != nullptr ? find_member(*previous, "create_time") : Json::nullSingleton();
    value["create_time"] = before.isNull() ? Json(static_cast<Json::Int64>(now)) : before;
  }
  if (find_member(value, "update_time").isNull()) value["update_time"] = static_cast<Json::Int64>(now);
}

}  // namespace

ResourceHandler::ResourceHandler(event::Loop& loop, store::Store& store, config::Registry& registry,
                                 std::string prefix)
    : loop_(loop),
      store_(store),
      registry_(registry),
      prefix_(std::move(prefix)),
      hooks_(make_hooks(registry)) {}

std::string ResourceHandler::key_of(resource::Kind kind, std::string_view id) const {
  return prefix_ + resource::store_key(kind, id);
}

async::Task<LocalAnswer> ResourceHandler::serve(ResourceCall call) {
  const resource::KindInfo& info = resource::info_of(call.kind);
  if (call.method == "GET") co_return call.id.empty() ? co_await list(call) : co_await get(call);
  if (call.method == "PUT") co_return co_await put(call);
  if (call.method == "DELETE") co_return co_await remove(call);
  if (call.method == "POST") {
    if (!info.can_post) co_return error_answer(405, not_supported("POST", call.kind));
    co_return co_await post(call);
  }
  if (call.method == "PATCH") {
    if (!info.can_patch) co_return error_answer(405, not_supported("PATCH", call.kind));
    co_return co_await patch(call);
  }
  co_return error_answer(404, "not found");
}

// --- reading

async::Task<LocalAnswer> ResourceHandler::get(ResourceCall& call) {
  const auto item = co_await store_.get(key_of(call.kind, call.id));
  if (item) co_return json_answer(200, item_json(*item));
  co_return item.error().code == base::ErrorCode::kNotFound ? key_not_found() : store_answer(item.error());
}

async::Task<LocalAnswer> ResourceHandler::list(ResourceCall& call) {
  const auto found =
      co_await store_.list(key_of(call.kind, "") + (key_of(call.kind, "").ends_with('/') ? "" : "/"));
  if (!found) co_return store_answer(found.error());
  std::vector<Json> items;
  for (const store::Item& item : found->items) {
    // Placeholders of folders have no id; objects of sub-resources have other kinds.
    const auto key = resource::parse_store_key(std::string_view(item.key).substr(prefix_.size()));
    if (key && key->kind == call.kind && !key->id.empty()) items.push_back(item_json(item));
  }
  auto selected = select_items(call.kind, std::move(items), call.query);
  if (!selected) co_return LocalAnswer{400, "application/json", selected.error().what, {}};
  co_return json_answer(200, *selected);
}

// --- checking

async::Task<std::optional<LocalAnswer>> ResourceHandler::check(resource::Kind kind, const Json& body,
                                                               const std::string& id) {
  Json copy = body;  // validation fills in defaults, which are not stored
  const resource::Validation validation =
      resource::validate(kind, copy, {.hooks = hooks_, .is_stored = false, .path_id = id});
  if (!validation.ok()) co_return invalid_answer(validation);
  co_return co_await check_references(kind, body);
}

async::Task<std::optional<LocalAnswer>> ResourceHandler::check_references(resource::Kind kind,
                                                                          const Json& body) {
  for (const resource::Reference& reference : resource::references_of(kind, body)) {
    const auto item = co_await store_.get(key_of(reference.kind, reference.id));
    if (item) continue;
    resource::Validation missing;
    const bool is_missing = item.error().code == base::ErrorCode::kNotFound;
    const std::string text =
        is_missing ? reference.missing_text() : reference.unknown_text(item.error().what);
    missing.add(text, {.pointer = reference.pointer,
                       .rule = "reference",
                       .message = text,
                       .value = reference.id,
                       .hint = "create the object it names first"});
    co_return invalid_answer(missing);
  }
  co_return std::nullopt;
}

async::Task<base::Result<store::LeaseId>> ResourceHandler::lease_of(std::string_view query) {
  const auto ttl = http::find_arg(query, "ttl");
  if (!ttl) co_return store::LeaseId{0};
  const auto seconds = base::parse_double(*ttl);
  if (!seconds || *seconds < 1) co_return base::invalid("invalid argument ttl: should be a number");
  co_return co_await store_.grant_lease(static_cast<std::int64_t>(*seconds));
}

// --- writing

async::Task<LocalAnswer> ResourceHandler::put(ResourceCall& call) {
  if (!call.body) co_return error_answer(400, "missing configurations");
  auto id = resource::settle_id(call.kind, call.id, true, *call.body);
  if (!id) co_return error_answer(400, id.error().what);
  if (auto status = resource::refuse_timestamps(*call.body); !status)
    co_return error_answer(400, status.error().what);
  if (auto wrong = co_await check(call.kind, *call.body, *id)) co_return std::move(*wrong);
  const auto previous = co_await store_.get(key_of(call.kind, *id));
  if (!previous && previous.error().code != base::ErrorCode::kNotFound)
    co_return store_answer(previous.error());
  const auto before = previous ? format::parse_json(previous->value) : base::Result<Json>(Json());
  stamp(*call.body, loop_.clock().wall_seconds(), before ? &*before : nullptr);
  co_return co_await write(call, *id, *call.body, std::nullopt, false);
}

async::Task<LocalAnswer> ResourceHandler::post(ResourceCall& call) {
  if (!call.id.empty())
    co_return error_answer(
        400, "wrong " + std::string(resource::info_of(call.kind).words) + " id, do not need it");
  if (!call.body) co_return error_answer(400, "missing configurations");
  auto id = resource::settle_id(call.kind, "", false, *call.body);
  if (!id) co_return error_answer(400, id.error().what);
  if (auto status = resource::refuse_timestamps(*call.body); !status)
    co_return error_answer(400, status.error().what);
  if (auto wrong = co_await check(call.kind, *call.body, "")) co_return std::move(*wrong);
  // The id is the revision of a write of its own, as in APISIX: unique, and in the order of creation.
  const auto drawn =
      co_await store_.txn({.compares = {}, .writes = {store::Put{prefix_ + "/gen_id", "1", 0}}});
  if (!drawn) co_return store_answer(drawn.error());
  const std::string new_id = fmt::format("{:020}", drawn->revision);
  (*call.body)["id"] = new_id;
  stamp(*call.body, loop_.clock().wall_seconds(), nullptr);
  co_return co_await write(call, new_id, *call.body, std::nullopt, false);
}

async::Task<LocalAnswer> ResourceHandler::patch(ResourceCall& call) {
  const std::string words(resource::info_of(call.kind).words);
  if (call.id.empty()) co_return error_answer(400, "missing " + words + " id");
  if (!call.body) co_return error_answer(400, "missing new configuration");
  if (call.sub_path.empty() && !call.body->isObject() && !call.body->isArray()) {
    co_return error_answer(400, "invalid configuration");
  }
  const auto stored = co_await store_.get(key_of(call.kind, call.id));
  if (!stored) {
    co_return stored.error().code == base::ErrorCode::kNotFound ? key_not_found()
                                                                : store_answer(stored.error());
  }
  auto value = format::parse_json(stored->value);
  if (!value || !value->isObject()) co_return error_answer(400, "the stored object is no JSON object");
  bool keeps_update_time = false;
  if (call.sub_path.empty()) {
    merge_patch(*value, *call.body);
    keeps_update_time = !find_member(*call.body, "update_time").isNull();
  } else if (auto status = patch_sub_path(*value, call.sub_path, *call.body); !status) {
    co_return error_answer(400, status.error().what);
  }
  if (!value->isObject()) co_return error_answer(400, "invalid configuration");
  if (!keeps_update_time) value->removeMember("update_time");
  stamp(*value, loop_.clock().wall_seconds(), nullptr);
  auto id = resource::settle_id(call.kind, call.id, true, *value);
  if (!id) co_return error_answer(400, id.error().what);
  if (auto wrong = co_await check(call.kind, *value, *id)) co_return std::move(*wrong);
  co_return co_await write(call, *id, *value, stored->mod_revision, true);
}

async::Task<LocalAnswer> ResourceHandler::write(const ResourceCall& call, const std::string& id,
                                                const Json& value, std::optional<store::Revision> expected,
                                                bool is_patch) {
  const auto lease = co_await lease_of(call.query);
  if (!lease) {
    co_return lease.error().code == base::ErrorCode::kInvalid ? error_answer(400, lease.error().what)
                                                              : store_answer(lease.error());
  }
  const std::string key = key_of(call.kind, id);
  store::Txn txn;
  if (expected) txn.compares.push_back({store::Compare::Target::kModRevision, key, *expected});
  txn.writes.push_back(store::Put{key, format::to_json(value), *lease});
  const auto done = co_await store_.txn(std::move(txn));
  if (!done) co_return store_answer(done.error());
  if (!done->succeeded) co_return error_answer(503, "value changed before overwritten");
  Json out(::Json::objectValue);
  out["key"] = key;
  out["value"] = value;
  const bool created = !is_patch && done->previous.at(0).mod_revision == 0;
  co_return json_answer(created ? 201 : 200, out);
}

// --- deleting

async::Task<LocalAnswer> ResourceHandler::remove(ResourceCall& call) {
  if (call.id.empty()) {
    co_return error_answer(400, "missing " + std::string(resource::info_of(call.kind).words) + " id");
  }
  if (http::find_arg(call.query, "force") != std::optional<std::string_view>("true")) {
    const std::string user = co_await find_user(call.kind, call.id);
    if (!user.empty()) co_return error_answer(400, user);
  }
  const std::string key = key_of(call.kind, call.id);
  const auto done = co_await store_.txn({.compares = {}, .writes = {store::Delete{key}}});
  if (!done) co_return store_answer(done.error());
  if (done->previous.at(0).mod_revision == 0) co_return key_not_found();
  Json out(::Json::objectValue);
  out["key"] = key;
  out["deleted"] = "1";
  co_return json_answer(200, out);
}

// Asked of this worker's own copy, once it has seen everything that was acknowledged before this call.
async::Task<std::string> ResourceHandler::find_user(resource::Kind kind, const std::string& id) {
  if (kind != resource::Kind::kService && kind != resource::Kind::kUpstream) co_return std::string();
  if (const auto now = co_await store_.list(prefix_ + "/gen_id"); now) {
    const std::uint64_t until = loop_.clock().monotonic_ms() + kCatchUpMs;
    while (registry_.applied_revision() < now->revision && loop_.clock().monotonic_ms() < until) {
      co_await async::Sleep(loop_, 1);
    }
  }
  if (kind == resource::Kind::kService) {
    const std::string route = registry_.route_of_service(id);
    if (route.empty()) co_return std::string();
    co_return "can not delete this service directly, route [" + route + "] is still using it now";
  }
  if (const std::string route = registry_.route_of_upstream(id); !route.empty()) {
    co_return "can not delete this upstream, route [" + route + "] is still using it now";
  }
  const std::string service = registry_.service_of_upstream(id);
  if (service.empty()) co_return std::string();
  co_return "can not delete this upstream, service [" + service + "] is still using it now";
}

}  // namespace apisix::admin
