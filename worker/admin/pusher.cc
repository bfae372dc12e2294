#include "worker/admin/pusher.h"

#include <algorithm>
#include <limits>
#include <map>
#include <span>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/format/read.h"
#include "shared/resource/global_plugins.h"
#include "worker/admin/catch_up.h"
#include "worker/admin/change_view.h"
#include "worker/admin/configs_check.h"
#include "worker/admin/response.h"
#include "worker/admin/set_guard.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

using format::Json;
using proxy::LocalResponse;

constexpr int kPushAttemptsMax = 10;
constexpr std::size_t kChangesListed = 1000;  // by a dry run, each with its diff

// The version that a list has after the push; the error is the text of a 400.
base::Result<Json> next_version(const PushedList& list, const Json& current) {
  if (list.version.isNull()) {
    const auto whole = format::integer_of<std::int64_t>(current);
    const bool has_next = whole && *whole < std::numeric_limits<std::int64_t>::max();
    return has_next ? Json(*whole + 1) : Json(format::number_of(current) + 1);
  }
  if (format::number_of(list.version) >= format::number_of(current)) return list.version;
  return base::invalid(fmt::format("{} must be greater than or equal to ({})", version_key(list.name),
                                   format::to_json(current)));
}

// Of the same version a list stays as it is, unless it is not any more what was pushed with it.
bool is_replaced(const PushedList& list, const Json& next, const PushedMeta& before) {
  if (next != before.version_of(list.name)) return true;
  return before.edited.contains(list.name) && list.is_present;
}

// Sets the versions behind the push, and which lists it replaces.
base::Status set_versions(const std::vector<PushedList>& lists, const PushedMeta& before, PushedMeta& after,
                          std::vector<bool>& changed) {
  for (const PushedList& list : lists) {
    const auto next = next_version(list, before.version_of(list.name));
    if (!next) return std::unexpected(next.error());
    changed.push_back(is_replaced(list, *next, before));
    after.versions[list.name] = *next;
  }
  return {};
}

// What the push leaves of the global rules, with those of lists that it does not replace and of items that it
// says are unchanged: "" when each plugin is in one of them.
std::string fault_of_global_rules(const std::vector<Change>& changes, const StoredItems& stored,
                                  const std::string& prefix) {
  const std::string folder = resource::collection_key(resource::Kind::kGlobalRule);
  std::map<std::string_view, const std::string*> rules;  // texts by key below the prefix
  for (auto item = stored.lower_bound(folder); item != stored.end() && item->first.starts_with(folder);
       ++item) {
    rules[item->first] = &item->second.value;
  }
  bool is_touched = false;
  for (const Change& change : changes) {
    const std::string_view key = std::string_view(change.key).substr(prefix.size());
    if (!key.starts_with(folder)) continue;
    is_touched = true;
    rules.erase(key);
    if (change.after) rules[key] = &*change.after;
  }
  if (!is_touched) return "";
  resource::GlobalPlugins plugins;
  for (const auto& [key, text] : rules) {
    const auto rule = format::parse_json(*text);
    const std::string_view id = key.substr(folder.size());
    if (std::string fault = rule ? plugins.add_rule(id, *rule) : std::string(); !fault.empty()) return fault;
  }
  return "";
}

// The list of plugins is no object, and has no entry in the history.
void show_plugins(const std::vector<PushedList>& lists, const std::vector<bool>& changed,
                  const StoredItems& stored, Json& body) {
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (!changed[i] || lists[i].name != resource::kPluginsList) continue;
    const auto known = stored.find("/plugins");
    const std::string before = known != stored.end() ? known->second.value : "";
    if (before != lists[i].text) body["plugins_changed"] = true;
  }
}

}  // namespace

void add_push_headers(const PushedMeta& meta, LocalResponse& response) {
  if (!meta.exists) return;
  response.headers.emplace_back("X-Last-Modified", std::to_string(meta.last_modified));
  response.headers.emplace_back("X-Digest", meta.digest);
}

LocalResponse push_failure(const base::Error& error) {
  if (error.code == base::ErrorCode::kConflict) return error_response(412, error.what);
  base::log_error("the pushed configuration: {}", error.what);
  return error_response(500, "failed to access the pushed configuration: " + error.what);
}

Pusher::Pusher(const AdminContext& context, const ResourceHandler& resources, PushedConfig& config,
               const WriteParts& parts)
    : context_(context),
      resources_(resources),
      config_(config),
      writer_(parts.writer),
      history_(parts.history),
      progress_(parts.progress) {}

async::Task<LocalResponse> Pusher::run(const std::vector<PushedList>& lists, PushOptions options) {
  for (int i = 0; i < kPushAttemptsMax; ++i) {
    if (auto response = co_await attempt(lists, options)) co_return std::move(*response);
  }
  co_return error_response(503, "other pushes came first, again and again");
}

async::Task<std::optional<LocalResponse>> Pusher::attempt(const std::vector<PushedList>& lists,
                                                          const PushOptions& options) {
  SetGuard guard(context_, history_);
  if (auto status = co_await guard.begin(options.expected); !status) co_return push_failure(status.error());
  auto plan = co_await this->plan(lists, options);
  if (!plan) co_return std::move(plan.error());
  if (options.mode.is_dry_run) co_return co_await rehearsed(lists, *plan);
  guard.add(config_.records(lists, plan->changed, plan->stored, plan->before, plan->after));
  const auto done = co_await writer_.commit(writer_.plan(plan->changes, options.author, guard.conditions()));
  if (!done) co_return push_failure(done.error());
  if (!done->succeeded) co_return std::nullopt;
  co_return co_await pushed(*plan, done->revision, options.mode);
}

async::Task<std::expected<Pusher::Plan, LocalResponse>> Pusher::plan(const std::vector<PushedList>& lists,
                                                                     const PushOptions& options) {
  Plan out;
  auto before = co_await config_.read_meta();
  if (!before) co_return std::unexpected(push_failure(before.error()));
  out.before = std::move(*before);
  const bool is_same = out.before.exists && options.digest && out.before.digest == *options.digest;
  if (is_same && !options.mode.is_dry_run) co_return std::unexpected(LocalResponse{204, "", "", {}});
  auto stored = co_await config_.read_items();
  if (!stored) co_return std::unexpected(push_failure(stored.error()));
  out.stored = std::move(*stored);
  auto fault = co_await find_fault(lists, out.stored, options.mode.is_dry_run);
  if (fault) co_return std::unexpected(std::move(*fault));
  out.after = out.before;
  out.after.exists = true;
  out.after.digest = options.digest.value_or("");
  out.after.last_modified = context_.loop.clock().wall_seconds();
  if (auto status = set_versions(lists, out.before, out.after, out.changed); !status)
    co_return std::unexpected(error_response(400, status.error().what));
  std::size_t bytes = 0;
  for (const PushedList& list : lists) bytes += list.text.size();
  if (auto status = config_.check_bytes(bytes); !status)
    co_return std::unexpected(
        error_response(500, "failed to save config to shared dict: no memory: " + status.error().what));
  if (is_same) out.changed.assign(lists.size(), false);
  out.changes = config_.changes(lists, out.changed, out.stored, out.before);
  const std::string taken = fault_of_global_rules(out.changes, out.stored, config_.prefix());
  if (!taken.empty()) co_return std::unexpected(error_response(400, taken));
  co_return out;
}

async::Task<std::optional<LocalResponse>> Pusher::find_fault(const std::vector<PushedList>& lists,
                                                             const StoredItems& stored, bool lists_all) {
  const ConfigsCheck check{.hooks = resources_.hooks(),
                           .takes_modified_index = true,
                           .stops_at_first = !lists_all,
                           .is_known = [&stored](const PushedItem& item) {
                             const auto known = stored.find(item.item.key);
                             return known != stored.end() && known->second.value == item.text;
                           }};
  const auto faults = co_await check_configs(context_.loop, lists, check);
  if (faults.empty()) co_return std::nullopt;
  if (!lists_all) co_return error_response(400, faults.front().error);
  co_return json_response(400, faults_json(faults));
}

async::Task<LocalResponse> Pusher::rehearsed(const std::vector<PushedList>& lists, const Plan& plan) {
  std::size_t items = 0;
  for (const PushedList& list : lists) items += list.name == resource::kPluginsList ? 0 : list.items.size();
  const auto puts =
      std::ranges::count_if(plan.changes, [](const Change& each) { return each.after.has_value(); });
  const std::size_t listed = std::min(plan.changes.size(), kChangesListed);
  Json body = co_await changes_json(context_.loop, resources_.secrets(), config_.prefix(),
                                    std::span(plan.changes).first(listed), true);
  if (listed < plan.changes.size())
    body["left_out"] = static_cast<Json::UInt64>(plan.changes.size() - listed);
  body["dry_run"] = true;
  body["unchanged"] = static_cast<Json::UInt64>(items - static_cast<std::size_t>(puts));
  show_plugins(lists, plan.changed, plan.stored, body);
  const auto now = co_await context_.store.list(config_.prefix() + "/gen_id");
  if (!now) co_return push_failure(now.error());
  body["revision"] = static_cast<Json::Int64>(now->revision);
  LocalResponse response = json_response(200, body);
  add_push_headers(plan.before, response);
  add_revision(now->revision, response);
  co_return response;
}

async::Task<LocalResponse> Pusher::pushed(const Plan& plan, store::Revision revision, const WriteMode& mode) {
  LocalResponse response{202, "application/json", "", {}};
  if (mode.wait_ms) {
    Json body(::Json::objectValue);
    const int status = co_await progress_.report(revision, mode, 200, body);
    response = json_response(status, body);
  } else {
    // So that who pushed may ask this worker next; the others are milliseconds behind.
    co_await wait_until_applied(context_.loop, context_.registry, revision);
  }
  add_push_headers(plan.after, response);
  add_revision(revision, response);
  co_return response;
}

}  // namespace apisix::admin
