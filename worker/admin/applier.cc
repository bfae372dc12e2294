#include "worker/admin/applier.h"

#include <algorithm>
#include <map>
#include <unordered_set>

#include <fmt/format.h>

#include "shared/async/time_slice.h"
#include "shared/resource/document.h"
#include "shared/resource/fields.h"
#include "shared/resource/id.h"
#include "worker/admin/change_view.h"
#include "worker/admin/dry_run.h"
#include "worker/admin/response.h"
#include "worker/admin/stamp.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

using format::Json;
using proxy::LocalResponse;
using resource::Kind;

// Others may write the same objects in between, but not always.
constexpr int kApplyAttemptsMax = 10;
// The same for what is beside the set's objects: each costs what a commit does, and no check.
constexpr int kCommitsMax = 50;
// From so many objects of one kind on, all of the kind are read at once.
constexpr std::size_t kReadsPerKind = 50;

LocalResponse failure(const base::Error& error) {
  if (error.code == base::ErrorCode::kConflict) return error_response(412, error.what);
  if (error.code == base::ErrorCode::kTooLarge) return error_response(413, error.what);
  return store_response(error);
}

}  // namespace

Applier::Applier(const AdminContext& context, const ResourceHandler& resources, const WriteParts& parts,
                 PushedConfig* pushed)
    : context_(context),
      resources_(resources),
      writer_(parts.writer),
      history_(parts.history),
      progress_(parts.progress),
      pushed_(pushed) {}

async::Task<LocalResponse> Applier::run(ChangeSet set, ApplyOptions options) {
  for (int i = 0; i < kApplyAttemptsMax; ++i) {
    if (auto response = co_await attempt(set, options)) co_return std::move(*response);
  }
  co_return error_response(
      409, fmt::format("others changed objects of the set while it was checked, {} times in a row; nothing "
                       "was stored",
                       kApplyAttemptsMax));
}

async::Task<std::optional<LocalResponse>> Applier::attempt(const ChangeSet& set,
                                                           const ApplyOptions& options) {
  SetGuard guard(context_, history_);
  if (auto status = co_await guard.begin(options.expected); !status) co_return failure(status.error());
  auto changes = co_await removal_of_children(set);
  if (!changes) co_return failure(changes.error());
  changes->insert(changes->begin(), set.changes.begin(), set.changes.end());
  guard.cover(*changes);
  OverlayStore overlay(context_.store);
  if (auto status = co_await prefetch(*changes, overlay); !status) co_return failure(status.error());
  auto faults = co_await check(*changes, overlay, options.is_forced);
  if (!faults) co_return failure(faults.error());
  faults->insert(faults->begin(), set.faults.begin(), set.faults.end());
  if (!faults->empty()) co_return json_response(400, faults_json(*faults));
  const auto writes = co_await plan(*changes, overlay);
  if (!writes) co_return failure(writes.error());
  const bool is_dry_run = options.mode.is_dry_run;
  Json body =
      co_await changes_json(context_.loop, resources_.secrets(), context_.prefix(), *writes, is_dry_run);
  if (is_dry_run) body["dry_run"] = true;
  body["unchanged"] = static_cast<Json::UInt64>(changes->size() - writes->size());
  store::Txn txn;
  if (!writes->empty()) {
    if (auto status = co_await follow(*writes, guard); !status) co_return failure(status.error());
    txn = writer_.plan(*writes, options.author, guard.conditions());
  }
  if (auto status = writer_.check_fits(txn); !status) co_return failure(status.error());
  if (is_dry_run) {
    co_await add_findings(
        {context_.loop, context_.store, context_.registry, resources_.secrets(), context_.prefix()}, *writes,
        body);
  }
  if (is_dry_run || writes->empty()) {
    const auto now = co_await context_.store.list(context_.prefix() + "/gen_id");
    if (!now) co_return failure(now.error());
    co_return shown(std::move(body), now->revision, 200);
  }
  const auto done = co_await commit(std::move(txn), *writes, options.author, guard);
  if (!done) co_return failure(done.error());
  if (!done->succeeded) co_return std::nullopt;
  const int status = co_await progress_.report(done->revision, options.mode, 200, body);
  co_return shown(std::move(body), done->revision, status);
}

async::Task<base::Result<store::TxnReply>> Applier::commit(store::Txn txn, const std::vector<Change>& writes,
                                                           const Author& author, SetGuard& guard) {
  for (int i = 0;; ++i) {
    auto done = co_await writer_.commit(std::move(txn));
    if (!done || done->succeeded || i == kCommitsMax || !co_await guard.renew(writes)) co_return done;
    txn = writer_.plan(writes, author, guard.conditions());
  }
}

async::Task<base::Status> Applier::follow(const std::vector<Change>& writes, SetGuard& guard) const {
  if (pushed_ == nullptr) co_return base::Status{};
  auto edit = co_await pushed_->edit(writes);
  if (!edit) co_return std::unexpected(edit.error());
  guard.add(std::move(*edit));
  co_return base::Status{};
}

LocalResponse Applier::shown(Json body, store::Revision revision, int status) const {
  body["revision"] = static_cast<Json::Int64>(revision);
  LocalResponse response = json_response(status, body);
  add_revision(revision, response);
  return response;
}

async::Task<base::Result<std::vector<SetChange>>> Applier::removal_of_children(const ChangeSet& set) {
  std::vector<SetChange> out;
  std::unordered_set<std::string> named;
  for (const SetChange& change : set.changes) named.insert(change.key());
  for (const SetChange& change : set.changes) {
    const Kind kind = change.path.kind;
    if (!change.is_delete() || (kind != Kind::kConsumer && kind != Kind::kService)) continue;
    const auto found = co_await context_.store.list(context_.prefix() + change.key() + '/');
    if (!found) co_return std::unexpected(found.error());
    for (const store::Item& item : found->items) {
      const std::string_view place = std::string_view(item.key).substr(context_.prefix().size());
      const auto key = resource::parse_store_key(place);
      if (!key || named.contains(std::string(place))) continue;
      out.push_back({.list = std::string(resource::info_of(key->kind).plural),
                     .index = std::nullopt,
                     .path = path_of_item(*key),
                     .value = std::nullopt,
                     .is_implied = true});
    }
  }
  co_return out;
}

async::Task<base::Status> Applier::prefetch(const std::vector<SetChange>& changes, OverlayStore& overlay) {
  std::map<Kind, std::size_t> counts;
  for (const SetChange& change : changes) {
    if (++counts[change.path.kind] != kReadsPerKind || resource::parent_of(change.path.kind)) continue;
    auto status = co_await overlay.prefetch(context_.prefix() + resource::collection_key(change.path.kind));
    if (!status) co_return status;
  }
  for (const SetChange& change : changes) {
    overlay.replace(context_.prefix() + change.key(),
                    change.value ? std::optional(format::to_json(*change.value)) : std::nullopt);
  }
  co_return base::Status{};
}

// --- checking

async::Task<base::Result<std::vector<SetFault>>> Applier::check(std::vector<SetChange>& changes,
                                                                OverlayStore& overlay, bool is_forced) {
  std::vector<SetFault> faults;
  WriteRules rules(context_, overlay, resources_.hooks());
  rules.set_replaced([&overlay](const std::string& key) { return overlay.is_replaced(key); });
  async::TimeSlice slice(context_.loop);
  std::map<std::string, const SetChange*> owners;
  for (SetChange& change : changes) {
    if (slice.is_over()) co_await slice.pause();
    if (!change.is_delete()) {
      const auto refused = co_await check_put(change, rules);
      if (refused && refused->status == 503)
        co_return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kStore,
                             refused->what.error_msg);
      if (refused) add_faults(change, *refused, faults);
      check_unique_keys(change, context_.registry.plugins(), owners, faults);
      continue;
    }
    if (is_forced || change.is_implied) continue;
    const auto user = co_await find_user(change, changes, overlay);
    if (!user) co_return std::unexpected(user.error());
    if (!user->empty()) add_fault(change, "reference", *user, faults);
  }
  co_return faults;
}

async::Task<std::optional<Refusal>> Applier::check_put(SetChange& change, const WriteRules& rules) const {
  const Kind kind = change.path.kind;
  if (kind == Kind::kStreamRoute && !context_.settings.apisix.stream_enabled)
    co_return refuse(400, "stream mode is disabled, can not add stream routes");
  if (!change.is_stored) {
    if (const auto status = resource::refuse_timestamps(*change.value); !status)
      co_return refuse(400, status.error().what);
  }
  if (kind == Kind::kGraphqlCostDecoration) {
    ResourceCall call{change.path, "PUT", "", *change.value};
    if (auto refused = co_await rules.bind_to_service(call)) co_return std::move(refused);
    change.value = std::move(call.body);
  }
  ResourcePath path = change.path;
  // The name of a consumer is in the object; an id that it has must be the same.
  if (kind == Kind::kConsumer) path.id = resource::id_field(*change.value, "id");
  // A push may name what is not there, so it must be possible to go back to that.
  const bool is_back = pushed_ != nullptr && change.is_stored;
  const auto references = is_back ? WriteRules::References::kNotAsked : WriteRules::References::kMustExist;
  if (auto refused = co_await rules.check(path, *change.value, references)) co_return std::move(refused);
  if (kind == Kind::kCredential && !is_back) co_return co_await rules.check_consumer(change.path);
  co_return std::nullopt;
}

async::Task<base::Result<std::string>> Applier::find_user(const SetChange& change,
                                                          const std::vector<SetChange>& changes,
                                                          const OverlayStore& overlay) const {
  const Kind kind = change.path.kind;
  const std::string id = change.path.item_id();
  const auto user = co_await resources_.usage().find(
      kind, id, [this, &overlay](Kind user_kind, const std::string& user_id) {
        return !overlay.is_replaced(context_.prefix() + resource::store_key(user_kind, user_id));
      });
  if (!user || !user->empty()) co_return user;
  // What the set puts and names by a member is found where that is checked.
  if (kind != Kind::kUpstream && kind != Kind::kProto) co_return user;
  for (const SetChange& other : changes) {
    if (other.is_delete() || !Usage::is_named_by_plugins(*other.value, kind, id)) continue;
    co_return fmt::format("can not delete this {}, a plugin in {} [{}] of the set uses it",
                          resource::info_of(kind).words, resource::info_of(other.path.kind).words,
                          other.path.item_id());
  }
  co_return user;
}

// --- what is written

std::string Applier::text_of(const SetChange& change, const store::Item& before) const {
  Json value = *change.value;
  if (pushed_ != nullptr) {
    // What a document that holds the object is read as.
    const std::string list(resource::info_of(change.path.kind).folder);
    Json element = pushed_element(list, change.key(), std::move(value));
    return format::to_json(resource::make_document_item(list, 0, std::move(element)).value);
  }
  const resource::KindInfo& info = resource::info_of(change.path.kind);
  resources_.secrets().encrypt(change.path.kind, change.path.id, value);
  if (!info.has_timestamps) {
    value["id"] = change.path.id;
    return format::to_json(value);
  }
  const auto previous =
      before.mod_revision == 0 ? base::Result<Json>(Json()) : format::parse_json(before.value);
  const bool has_previous = before.mod_revision != 0 && previous;
  stamp(value, context_.loop.clock().wall_seconds(), has_previous ? &*previous : nullptr);
  return format::to_json(value);
}

async::Task<base::Result<std::vector<Change>>> Applier::plan(const std::vector<SetChange>& changes,
                                                             OverlayStore& overlay) {
  std::vector<Change> out;
  async::TimeSlice slice(context_.loop);
  for (const SetChange& change : changes) {
    if (slice.is_over()) co_await slice.pause();
    const std::string key = context_.prefix() + change.key();
    auto before = co_await overlay.stored(key);
    if (!before) co_return std::unexpected(before.error());
    Change write{.key = key, .after = std::nullopt, .before = std::move(*before)};
    if (change.value) write.after = text_of(change, write.before);
    if (action_of(write) != "nothing") out.push_back(std::move(write));
  }
  co_return out;
}

}  // namespace apisix::admin
