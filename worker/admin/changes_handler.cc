#include "worker/admin/changes_handler.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/async/background.h"
#include "shared/async/time_slice.h"
#include "shared/base/arena.h"
#include "shared/base/text.h"
#include "shared/format/json_fault.h"
#include "shared/format/json_utf8.h"
#include "shared/http/uri.h"
#include "worker/admin/change_view.h"
#include "worker/admin/history_view.h"
#include "worker/admin/response.h"
#include "worker/admin/rollback.h"

namespace apisix::admin {
namespace {

using format::Json;
using proxy::LocalResponse;

constexpr std::string_view kHistory = "history";
constexpr std::size_t kListedDefault = 50;
constexpr std::size_t kListedMax = 1000;

std::string argument(std::string_view query, std::string_view name) {
  base::Arena arena;
  return std::string(http::unescape(http::find_arg(query, name).value_or(""), arena));
}

// Of one object, below the prefix; "" when none is named.
base::Result<std::string> key_argument(std::string_view query) {
  const std::string kind_name = argument(query, "kind");
  const std::string id = argument(query, "id");
  if (kind_name.empty()) {
    if (!id.empty()) return base::invalid("argument id needs argument kind");
    return std::string();
  }
  const auto kind = resource::find_kind(kind_name);
  if (!kind) return base::invalid("no kind of objects has the name " + kind_name);
  return id.empty() ? resource::collection_key(*kind) : resource::store_key(*kind, id);
}

base::Result<ApplyOptions> apply_options(const proxy::LocalRequest& request, Author author) {
  ApplyOptions out{.author = std::move(author), .mode = {}};
  const auto mode = parse_write_mode(request.query);
  if (!mode) return std::unexpected(mode.error());
  out.mode = *mode;
  out.is_forced = http::find_arg(request.query, "force") == std::optional<std::string_view>("true");
  const auto expected = parse_if_match(request);
  if (!expected) return std::unexpected(expected.error());
  out.expected = *expected;
  return out;
}

const HistoryEntry* find_entry(const std::vector<HistoryEntry>& entries, store::Revision revision) {
  const auto found = std::ranges::find(entries, revision, &HistoryEntry::revision);
  return found == entries.end() ? nullptr : &*found;
}

LocalResponse no_such_entry(store::Revision revision) {
  return error_response(404, fmt::format("the history has no entry of revision {}", revision));
}

}  // namespace

async::Task<std::optional<LocalResponse>> ChangesHandler::serve(const proxy::LocalRequest& request,
                                                                std::string_view path, Author author) {
  if (path == "configs/apply") {
    if (request.method != "POST") co_return error_response(405, "only POST is possible here");
    co_return co_await apply(request, std::move(author));
  }
  const auto parts = base::split(path, '/');
  if (parts.front() != kHistory || parts.size() > 3) co_return std::nullopt;
  if (parts.size() == 1 && request.method == "GET") co_return co_await list(request);
  const auto revision = base::parse_integer<store::Revision>(parts.size() > 1 ? parts[1] : "");
  const std::string_view verb = parts.size() > 2 ? parts[2] : "";
  if (!revision) co_return error_response(400, "expected history/{revision}");
  if (request.method == "GET" && (verb.empty() || verb == "diff"))
    co_return co_await show(*revision, verb == "diff");
  if (request.method == "POST" && verb == "rollback")
    co_return co_await roll_back(request, *revision, std::move(author));
  co_return error_response(405, "not supported here");
}

async::Task<LocalResponse> ChangesHandler::apply(const proxy::LocalRequest& request, Author author) {
  auto options = apply_options(request, std::move(author));
  if (!options) co_return error_response(400, options.error().what);
  async::Background<base::Result<ChangeSet>> reading(loop_, [&body = request.body] {
    auto json = format::parse_json_utf8(body);
    if (!json) return base::Result<ChangeSet>(base::invalid(format::json_refusal(body, json.error().what)));
    return read_change_set(std::move(*json));
  });
  auto set = co_await reading.done();
  if (!set) co_return error_response(400, "invalid request body: " + set.error().what);
  co_return co_await applier_.run(std::move(*set), std::move(*options));
}

async::Task<LocalResponse> ChangesHandler::list(const proxy::LocalRequest& request) {
  const auto key = key_argument(request.query);
  if (!key) co_return error_response(400, key.error().what);
  const std::string limit_text = argument(request.query, "limit");
  const auto limit = limit_text.empty() ? kListedDefault : base::parse_integer<std::size_t>(limit_text);
  if (!limit || *limit == 0 || *limit > kListedMax)
    co_return error_response(400, fmt::format("invalid argument limit: should be 1 to {}", kListedMax));
  auto found = co_await history_.list();
  if (!found) co_return store_response(found.error());
  Json out(::Json::objectValue);
  out["revision"] = static_cast<Json::Int64>(found->revision);
  Json& list = out["list"] = Json(::Json::arrayValue);
  Json::UInt64 total = 0;
  async::TimeSlice slice(loop_);
  for (HistoryEntry& entry : found->entries) {
    if (slice.is_over()) co_await slice.pause();
    if (!concerns(entry, *key)) continue;
    ++total;
    if (list.size() < *limit) list.append(listed_entry_json(std::move(entry), *key));
  }
  out["total"] = total;
  LocalResponse response = json_response(200, out);
  add_revision(found->revision, response);
  co_return response;
}

async::Task<LocalResponse> ChangesHandler::show(store::Revision revision, bool as_diff) {
  const auto found = co_await history_.list();
  if (!found) co_return store_response(found.error());
  const HistoryEntry* const listed = find_entry(found->entries, revision);
  if (listed == nullptr) co_return no_such_entry(revision);
  HistoryEntry entry = *listed;
  if (const auto status = co_await history_.load_values(entry); !status)
    co_return store_response(status.error());
  Json out = entry_json(entry);
  for (std::size_t i = 0; entry.has_values && i < entry.changes.size(); ++i) {
    const HistoryChange& change = entry.changes[i];
    const auto key = resource::parse_store_key(change.key);
    if (!key) continue;
    const std::string* before = change.before ? &*change.before : nullptr;
    const std::string* after = change.after ? &*change.after : nullptr;
    Json& each = out["changes"][static_cast<Json::ArrayIndex>(i)];
    if (as_diff) {
      each["diff"] = diff_of_change(secrets_, *key, before, after);
    } else {
      if (before != nullptr) each["before"] = shown_value(secrets_, *key, before);
      if (after != nullptr) each["after"] = shown_value(secrets_, *key, after);
    }
  }
  co_return json_response(200, out);
}

async::Task<LocalResponse> ChangesHandler::roll_back(const proxy::LocalRequest& request,
                                                     store::Revision revision, Author author) {
  auto options = apply_options(request, std::move(author));
  const auto key = key_argument(request.query);
  if (!options) co_return error_response(400, options.error().what);
  if (!key) co_return error_response(400, key.error().what);
  if (key->ends_with('/')) co_return error_response(400, "argument kind needs argument id");
  auto found = co_await history_.list();
  if (!found) co_return store_response(found.error());
  if (find_entry(found->entries, revision) == nullptr) co_return no_such_entry(revision);
  std::vector<HistoryEntry>& later = found->entries;
  std::erase_if(later, [&](const HistoryEntry& entry) {
    return entry.revision <= revision || (entry.left_out == 0 && !concerns(entry, *key));
  });
  for (HistoryEntry& entry : later) {
    if (const auto status = co_await history_.load_values(entry); !status)
      co_return store_response(status.error());
  }
  auto set = make_rollback(later, revision, *key, secrets_);
  if (!set) co_return error_response(409, set.error().what);
  co_return co_await applier_.run(std::move(*set), std::move(*options));
}

}  // namespace apisix::admin
