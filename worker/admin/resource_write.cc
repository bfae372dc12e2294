// PUT, POST, PATCH and DELETE of ResourceHandler.
#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/http/uri.h"
#include "shared/resource/fields.h"
#include "shared/resource/id.h"
#include "worker/admin/change_view.h"
#include "worker/admin/dry_run.h"
#include "worker/admin/find_item.h"
#include "worker/admin/patch.h"
#include "worker/admin/resource_handler.h"
#include "worker/admin/response.h"
#include "worker/admin/stamp.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using proxy::LocalResponse;
using resource::Kind;

// Deletes of sub-resources: what etcd takes with the entry of the history.
constexpr std::ptrdiff_t kChangesPerTxn = 1000;
// Others may write the same object in between, but not always.
constexpr int kWriteAttemptsMax = 10;

// APISIX's words.
LocalResponse changed_response() {
  return error_response(503, "value changed before overwritten");
}

std::string missing_id(Kind kind) {
  return fmt::format("missing {} id", resource::info_of(kind).words);
}

// Puts the id into the body where objects of the kind have it there; the object's id in the path's form.
base::Result<std::string> set_id(const ResourceCall& call, bool needs_id, Json& body) {
  if (call.kind == Kind::kSecret) {
    if (call.parent.empty()) return base::invalid("missing secret type");
    if (call.id.empty()) return base::invalid(missing_id(call.kind));
    const auto id = resource::normalize_id(call.kind, call.item_id(), needs_id, body);
    if (!id) return id;
    return call.id;
  }
  return resource::normalize_id(call.kind, call.id, needs_id, body);
}

}  // namespace

async::Task<LocalResponse> ResourceHandler::put(ResourceCall& call) {
  if (call.kind == Kind::kGraphqlCostDecoration) {
    if (const auto refused = co_await rules_.bind_to_service(call))
      co_return refusal_response(*refused, false);
  }
  if (!call.body) co_return error_response(400, "missing configurations");
  Json& body = *call.body;
  const auto id = set_id(call, true, body);
  if (!id) co_return error_response(400, id.error().what);
  if (auto status = resource::refuse_timestamps(body); !status)
    co_return error_response(400, status.error().what);
  for (int attempt = 0; attempt < kWriteAttemptsMax; ++attempt) {
    call.id = *id;
    KnownReads reads(context_.store, context_.registry, attempt == 0 && !call.mode.is_dry_run);
    if (auto response = co_await put_once(call, body, reads)) co_return std::move(*response);
  }
  co_return changed_response();
}

async::Task<std::optional<LocalResponse>> ResourceHandler::refuse_put(const ResourceCall& call,
                                                                      const Json& body, KnownReads& reads) {
  const WriteRules rules(context_, reads, hooks_);
  if (const auto refused = co_await rules.check(call, body))
    co_return refusal_response(*refused, call.lists_faults);
  if (call.kind != Kind::kCredential) co_return std::nullopt;
  if (const auto refused = co_await rules.check_consumer(call)) co_return refusal_response(*refused, false);
  co_return std::nullopt;
}

ResourceHandler::Attempt ResourceHandler::put_once(ResourceCall& call, Json body, KnownReads& reads) {
  if (auto refused = co_await refuse_put(call, body, reads)) {
    if (reads.has_assumed()) co_return std::nullopt;
    co_return refused;
  }
  if (call.kind == Kind::kConsumer) call.id = resource::text_field(body, "username");
  secrets_.encrypt(call.kind, call.id, body);
  auto before = co_await reads.find(key_of(call));
  if (!before) co_return store_response(before.error());
  WritePlan plan{.action = "set"};
  const bool is_new = before->mod_revision == 0;
  // What is below a service that only seems to be new must not be taken for stale.
  if (is_new && call.kind == Kind::kService && reads.has_assumed()) co_return std::nullopt;
  if (!resource::info_of(call.kind).has_timestamps) {
    body["id"] = call.id;
  } else {
    const auto value = is_new ? base::Result<Json>(Json()) : format::parse_json(before->value);
    stamp(body, context_.loop.clock().wall_seconds(), !is_new && value ? &*value : nullptr);
  }
  if (is_new && call.kind == Kind::kService) {
    // A new service does not inherit the decorations of one that had the same id.
    auto stale = co_await removal_of_children(call);
    if (stale) plan.also = std::move(*stale);
  }
  plan.before = std::move(*before);
  plan.assumed = reads.compares();
  co_return co_await write(call, std::move(body), std::move(plan));
}

async::Task<LocalResponse> ResourceHandler::post(ResourceCall& call) {
  if (call.kind == Kind::kGraphqlCostDecoration) {
    if (const auto refused = co_await rules_.bind_to_service(call))
      co_return refusal_response(*refused, false);
  }
  if (!call.body) co_return error_response(400, "missing configurations");
  Json& body = *call.body;
  const auto id = set_id(call, false, body);
  if (!id) co_return error_response(400, id.error().what);
  if (auto status = resource::refuse_timestamps(body); !status)
    co_return error_response(400, status.error().what);
  if (const auto refused = co_await rules_.check(call, body))
    co_return refusal_response(*refused, call.lists_faults);
  secrets_.encrypt(call.kind, "", body);
  if (call.mode.is_dry_run) {
    // No id is drawn: the object has none yet.
    stamp(body, context_.loop.clock().wall_seconds(), nullptr);
    co_return *co_await write(call, body, {.action = "create"});
  }
  // The id is the revision of a write of its own, as in APISIX: unique, and in the order of creation.
  const auto drawn = co_await context_.store.txn(
      {.compares = {}, .writes = {store::Put{context_.prefix() + "/gen_id", "1", 0}}});
  if (!drawn) co_return store_response(drawn.error());
  call.id = fmt::format("{:020}", drawn->revision);
  body["id"] = call.id;
  stamp(body, context_.loop.clock().wall_seconds(), nullptr);
  auto response = co_await write(call, body, {.action = "create"});
  co_return response ? std::move(*response) : changed_response();
}

base::Status ResourceHandler::apply_patch(const ResourceCall& call, Json& value) {
  const bool is_whole = call.sub_path.empty();
  bool keeps_update_time = false;
  if (is_whole) {
    if (!call.body->isObject()) return base::invalid("invalid configuration");
    merge_patch(value, *call.body);
    keeps_update_time = !find_member(*call.body, "update_time").isNull();
  } else if (auto status = patch_sub_path(value, call.sub_path, *call.body); !status) {
    return status;
  }
  if (!value.isObject()) return base::invalid("invalid configuration");
  if (!keeps_update_time) value.removeMember("update_time");
  return {};
}

async::Task<LocalResponse> ResourceHandler::patch(ResourceCall& call) {
  if (call.kind == Kind::kGraphqlCostDecoration) {
    if (const auto refused = co_await rules_.check_decoration_patch(call))
      co_return refusal_response(*refused, false);
  }
  if (call.id.empty()) {
    co_return error_response(400, call.kind == Kind::kSecret ? "no secret id" : missing_id(call.kind));
  }
  if (!call.body) co_return error_response(400, "missing new configuration");
  auto stored = co_await context_.store.get(key_of(call));
  if (!stored) {
    co_return stored.error().code == base::ErrorCode::kNotFound ? key_not_found()
                                                                : store_response(stored.error());
  }
  auto value = format::parse_json(stored->value);
  if (!value || !value->isObject()) co_return error_response(400, "the stored object is no JSON object");
  secrets_.decrypt(call.kind, call.id, *value);
  if (auto status = apply_patch(call, *value); !status) co_return error_response(400, status.error().what);
  stamp(*value, context_.loop.clock().wall_seconds(), nullptr);
  if (auto id = set_id(call, true, *value); !id) co_return error_response(400, id.error().what);
  if (const auto refused = co_await rules_.check(call, *value))
    co_return refusal_response(*refused, call.lists_faults);
  secrets_.encrypt(call.kind, call.id, *value);
  auto response = co_await write(
      call, *value, {.action = "compareAndSwap", .before = std::move(*stored), .is_patch = true});
  co_return response ? std::move(*response) : changed_response();
}

async::Task<base::Result<store::LeaseId>> ResourceHandler::lease_of(const ResourceCall& call) {
  const auto ttl = http::find_arg(call.query, "ttl");
  if (!ttl) co_return store::LeaseId{0};
  const auto seconds = base::parse_double(*ttl);
  if (!seconds || *seconds < 1) co_return base::invalid("invalid argument ttl: should be a number");
  if (call.mode.is_dry_run) co_return store::LeaseId{0};
  co_return co_await context_.store.grant_lease(static_cast<std::int64_t>(*seconds));
}

ResourceHandler::Attempt ResourceHandler::write(const ResourceCall& call, Json value, WritePlan plan) {
  const auto lease = co_await lease_of(call);
  if (!lease) {
    co_return lease.error().code == base::ErrorCode::kInvalid ? error_response(400, lease.error().what)
                                                              : store_response(lease.error());
  }
  const std::string key = key_of(call);
  const bool created = !plan.is_patch && plan.before.mod_revision == 0;
  std::vector<Change> changes;
  changes.push_back({key, format::to_json(value), std::move(plan.before), *lease});
  std::ranges::move(plan.also, std::back_inserter(changes));
  Json node(::Json::objectValue);
  node["key"] = key;
  node["value"] = std::move(value);
  SecretFields::hide_plain_keys(call.kind, node["value"]);
  co_return co_await commit(call, std::move(changes), created ? 201 : 200,
                            node_body(plan.action, std::move(node)), std::move(plan.assumed));
}

ResourceHandler::Attempt ResourceHandler::commit(const ResourceCall& call, std::vector<Change> changes,
                                                 int status, Json body, std::vector<store::Compare> assumed) {
  if (call.mode.is_dry_run) {
    body["dry_run"] = true;
    body["diff"] = diff_of_change(secrets_, {call.kind, call.item_id()}, changes.front());
    for (std::size_t i = 1; i < changes.size(); ++i) body["also_deleted"].append(changes[i].key);
    co_await add_findings({context_.loop, context_.store, context_.registry, secrets_, context_.prefix()},
                          changes, body);
    co_return json_response(status, body);
  }
  // More than fit into one transaction go ahead of the others.
  while (std::ssize(changes) > kChangesPerTxn) {
    std::vector<Change> some(std::make_move_iterator(changes.end() - kChangesPerTxn),
                             std::make_move_iterator(changes.end()));
    changes.erase(changes.end() - kChangesPerTxn, changes.end());
    const auto done = co_await writer_.commit(writer_.plan(some, call.author));
    if (!done) co_return store_response(done.error());
  }
  store::Txn conditions{.compares = std::move(assumed), .writes = {}};
  const auto done = co_await writer_.commit(writer_.plan(changes, call.author, std::move(conditions)));
  if (!done) co_return store_response(done.error());
  if (!done->succeeded) co_return std::nullopt;
  status = co_await progress_.report(done->revision, call.mode, status, body);
  LocalResponse response = json_response(status, body);
  add_revision(done->revision, response);
  co_return response;
}

async::Task<base::Result<std::vector<Change>>> ResourceHandler::removal_of_children(
    const ResourceCall& call) {
  std::vector<Change> changes;
  if (call.kind != Kind::kConsumer && call.kind != Kind::kService) co_return changes;
  auto found = co_await context_.store.list(key_of(call) + '/');
  if (!found) co_return std::unexpected(found.error());
  for (store::Item& item : found->items) {
    std::string key = item.key;
    changes.push_back({.key = std::move(key), .after = std::nullopt, .before = std::move(item)});
  }
  co_return changes;
}

async::Task<LocalResponse> ResourceHandler::remove(ResourceCall& call) {
  if (call.id.empty()) co_return error_response(400, missing_id(call.kind));
  if (http::find_arg(call.query, "force") != std::optional<std::string_view>("true")) {
    const auto user = co_await usage_.find(call.kind, call.id);
    if (!user) co_return store_response(user.error());
    if (!user->empty()) co_return error_response(400, *user);
  }
  for (int attempt = 0; attempt < kWriteAttemptsMax; ++attempt) {
    if (auto response = co_await remove_once(call)) co_return std::move(*response);
  }
  co_return changed_response();
}

ResourceHandler::Attempt ResourceHandler::remove_once(const ResourceCall& call) {
  const std::string key = key_of(call);
  auto before = co_await find_item(context_.store, key);
  if (!before) co_return store_response(before.error());
  auto children = co_await removal_of_children(call);
  if (!children) co_return store_response(children.error());
  const bool is_there = before->mod_revision != 0;
  if (!is_there && children->empty()) co_return key_not_found();
  std::vector<Change> changes;
  if (is_there) changes.push_back({.key = key, .after = std::nullopt, .before = std::move(*before)});
  std::ranges::move(*children, std::back_inserter(changes));
  Json out(::Json::objectValue);
  out["key"] = key;
  out["deleted"] = "1";
  if (!is_v3_) {
    out["action"] = "delete";
    out["node"] = Json(::Json::objectValue);
  }
  auto response = co_await commit(call, std::move(changes), 200, std::move(out));
  if (response && response->status == 200 && !is_there) co_return key_not_found();
  co_return response;
}

}  // namespace apisix::admin
