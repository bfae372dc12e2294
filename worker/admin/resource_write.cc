// PUT, POST, PATCH and DELETE of ResourceHandler.
#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/http/uri.h"
#include "shared/resource/fields.h"
#include "shared/resource/id.h"
#include "worker/admin/patch.h"
#include "worker/admin/reply.h"
#include "worker/admin/resource_handler.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using proxy::LocalAnswer;
using resource::Kind;

// etcd refuses transactions with more operations (--max-txn-ops).
constexpr std::size_t kWritesPerTxn = 100;

void stamp(Json& value, std::int64_t now, const Json* previous) {
  if (find_member(value, "create_time").isNull()) {
    const Json& before = previous != nullptr ? find_member(*previous, "create_time") : Json::nullSingleton();
    value["create_time"] = before.isNull() ? Json(static_cast<Json::Int64>(now)) : before;
  }
  if (find_member(value, "update_time").isNull()) value["update_time"] = static_cast<Json::Int64>(now);
}

std::string missing_id(Kind kind) {
  return fmt::format("missing {} id", resource::info_of(kind).words);
}

// Puts the id into the body where objects of the kind have it there; the object's id in the path's form.
base::Result<std::string> settle(const ResourceCall& call, bool needs_id, Json& body) {
  if (call.kind == Kind::kSecret) {
    if (call.parent.empty()) return base::invalid("missing secret type");
    if (call.id.empty()) return base::invalid(missing_id(call.kind));
    const auto id = resource::settle_id(call.kind, call.item_id(), needs_id, body);
    if (!id) return id;
    return call.id;
  }
  return resource::settle_id(call.kind, call.id, needs_id, body);
}

}  // namespace

async::Task<LocalAnswer> ResourceHandler::put(ResourceCall& call) {
  if (call.kind == Kind::kGraphqlCostDecoration) {
    if (const auto refused = co_await rules_.bind_to_service(call)) co_return refusal_answer(*refused, false);
  }
  if (!call.body) co_return error_answer(400, "missing configurations");
  Json& body = *call.body;
  auto id = settle(call, true, body);
  if (!id) co_return error_answer(400, id.error().what);
  if (auto status = resource::refuse_timestamps(body); !status)
    co_return error_answer(400, status.error().what);
  call.id = std::move(*id);
  if (const auto refused = co_await rules_.check(call, body))
    co_return refusal_answer(*refused, call.lists_faults);
  if (call.kind == Kind::kConsumer) call.id = resource::text_field(body, "username");
  if (call.kind == Kind::kCredential) {
    if (const auto refused = co_await rules_.check_consumer(call)) co_return refusal_answer(*refused, false);
  }
  secrets_.encrypt(call.kind, call.id, body);
  WritePlan plan{.action = "set"};
  if (!resource::info_of(call.kind).has_timestamps) {
    body["id"] = call.id;
    co_return co_await write(call, body, std::move(plan));
  }
  const auto previous = co_await store_.get(key_of(call));
  const bool is_new = !previous && previous.error().code == base::ErrorCode::kNotFound;
  if (!previous && !is_new) co_return store_answer(previous.error());
  if (is_new && call.kind == Kind::kService) {
    // Nobody inherits the decorations of a service that had the same id.
    auto stale = co_await removal_of_children(call);
    if (stale) plan.also = std::move(*stale);
  }
  const auto before = previous ? format::parse_json(previous->value) : base::Result<Json>(Json());
  stamp(body, loop_.clock().wall_seconds(), before ? &*before : nullptr);
  co_return co_await write(call, body, std::move(plan));
}

async::Task<LocalAnswer> ResourceHandler::post(ResourceCall& call) {
  if (call.kind == Kind::kGraphqlCostDecoration) {
    if (const auto refused = co_await rules_.bind_to_service(call)) co_return refusal_answer(*refused, false);
  }
  if (!call.body) co_return error_answer(400, "missing configurations");
  Json& body = *call.body;
  const auto id = settle(call, false, body);
  if (!id) co_return error_answer(400, id.error().what);
  if (auto status = resource::refuse_timestamps(body); !status)
    co_return error_answer(400, status.error().what);
  if (const auto refused = co_await rules_.check(call, body))
    co_return refusal_answer(*refused, call.lists_faults);
  secrets_.encrypt(call.kind, "", body);
  // The id is the revision of a write of its own, as in APISIX: unique, and in the order of creation.
  const auto drawn =
      co_await store_.txn({.compares = {}, .writes = {store::Put{prefix_ + "/gen_id", "1", 0}}});
  if (!drawn) co_return store_answer(drawn.error());
  call.id = fmt::format("{:020}", drawn->revision);
  body["id"] = call.id;
  stamp(body, loop_.clock().wall_seconds(), nullptr);
  co_return co_await write(call, body, {.action = "create"});
}

base::Status ResourceHandler::apply_patch(const ResourceCall& call, Json& value) {
  // The path of a sub-resource has no room for a sub-path.
  const bool is_whole = call.sub_path.empty() || resource::parent_of(call.kind).has_value();
  bool keeps_update_time = false;
  if (is_whole) {
    if (!call.body->isObject() && !call.body->isArray()) return base::invalid("invalid configuration");
    merge_patch(value, *call.body);
    keeps_update_time = !find_member(*call.body, "update_time").isNull();
  } else if (auto status = patch_sub_path(value, call.sub_path, *call.body); !status) {
    return status;
  }
  if (!value.isObject()) return base::invalid("invalid configuration");
  if (!keeps_update_time) value.removeMember("update_time");
  return {};
}

async::Task<LocalAnswer> ResourceHandler::patch(ResourceCall& call) {
  if (call.kind == Kind::kGraphqlCostDecoration) {
    if (const auto refused = co_await rules_.check_decoration_patch(call))
      co_return refusal_answer(*refused, false);
  }
  if (call.id.empty()) {
    co_return error_answer(400, call.kind == Kind::kSecret ? "no secret id" : missing_id(call.kind));
  }
  if (!call.body) co_return error_answer(400, "missing new configuration");
  const auto stored = co_await store_.get(key_of(call));
  if (!stored) {
    co_return stored.error().code == base::ErrorCode::kNotFound ? key_not_found()
                                                                : store_answer(stored.error());
  }
  auto value = format::parse_json(stored->value);
  if (!value || !value->isObject()) co_return error_answer(400, "the stored object is no JSON object");
  secrets_.decrypt(call.kind, call.id, *value);
  if (auto status = apply_patch(call, *value); !status) co_return error_answer(400, status.error().what);
  stamp(*value, loop_.clock().wall_seconds(), nullptr);
  if (auto id = settle(call, true, *value); !id) co_return error_answer(400, id.error().what);
  if (const auto refused = co_await rules_.check(call, *value))
    co_return refusal_answer(*refused, call.lists_faults);
  secrets_.encrypt(call.kind, call.id, *value);
  co_return co_await write(call, *value, {.action = "compareAndSwap", .expected = stored->mod_revision});
}

async::Task<base::Result<store::LeaseId>> ResourceHandler::lease_of(std::string_view query) {
  const auto ttl = http::find_arg(query, "ttl");
  if (!ttl) co_return store::LeaseId{0};
  const auto seconds = base::parse_double(*ttl);
  if (!seconds || *seconds < 1) co_return base::invalid("invalid argument ttl: should be a number");
  co_return co_await store_.grant_lease(static_cast<std::int64_t>(*seconds));
}

async::Task<LocalAnswer> ResourceHandler::write(const ResourceCall& call, const Json& value, WritePlan plan) {
  const auto lease = co_await lease_of(call.query);
  if (!lease) {
    co_return lease.error().code == base::ErrorCode::kInvalid ? error_answer(400, lease.error().what)
                                                              : store_answer(lease.error());
  }
  const std::string key = key_of(call);
  store::Txn txn;
  if (plan.expected) txn.compares.push_back({store::Compare::Target::kModRevision, key, *plan.expected});
  txn.writes.push_back(store::Put{key, format::to_json(value), *lease});
  std::ranges::move(plan.also, std::back_inserter(txn.writes));
  const auto done = co_await store_.txn(std::move(txn));
  if (!done) co_return store_answer(done.error());
  if (!done->succeeded) co_return error_answer(503, "value changed before overwritten");
  Json node(::Json::objectValue);
  node["key"] = key;
  node["value"] = value;
  SecretFields::hide_plain_keys(call.kind, node["value"]);
  const bool created = !plan.expected && done->previous.at(0).mod_revision == 0;
  co_return node_answer(created ? 201 : 200, plan.action, std::move(node));
}

async::Task<base::Result<std::vector<store::Write>>> ResourceHandler::removal_of_children(
    const ResourceCall& call) {
  std::vector<store::Write> writes;
  if (call.kind != Kind::kConsumer && call.kind != Kind::kService) co_return writes;
  const auto found = co_await store_.list(key_of(call) + '/');
  if (!found) co_return std::unexpected(found.error());
  for (const store::Item& item : found->items) writes.emplace_back(store::Delete{item.key});
  // More than fit into one transaction go ahead of the others.
  while (writes.size() >= kWritesPerTxn) {
    store::Txn some;
    for (std::size_t i = 0; i < kWritesPerTxn; ++i) {
      some.writes.push_back(std::move(writes.back()));
      writes.pop_back();
    }
    if (const auto done = co_await store_.txn(std::move(some)); !done)
      co_return std::unexpected(done.error());
  }
  co_return writes;
}

async::Task<LocalAnswer> ResourceHandler::remove(ResourceCall& call) {
  if (call.id.empty()) co_return error_answer(400, missing_id(call.kind));
  if (http::find_arg(call.query, "force") != std::optional<std::string_view>("true")) {
    const auto user = co_await usage_.find(call.kind, call.id);
    if (!user) co_return store_answer(user.error());
    if (!user->empty()) co_return error_answer(400, *user);
  }
  const std::string key = key_of(call);
  auto children = co_await removal_of_children(call);
  if (!children) co_return store_answer(children.error());
  store::Txn txn;
  txn.writes.emplace_back(store::Delete{key});
  std::ranges::move(*children, std::back_inserter(txn.writes));
  const auto done = co_await store_.txn(std::move(txn));
  if (!done) co_return store_answer(done.error());
  if (done->previous.at(0).mod_revision == 0) co_return key_not_found();
  Json out(::Json::objectValue);
  out["key"] = key;
  out["deleted"] = "1";
  if (!is_v3_) {
    out["action"] = "delete";
    out["node"] = Json(::Json::objectValue);
  }
  co_return json_answer(200, out);
}

}  // namespace apisix::admin
