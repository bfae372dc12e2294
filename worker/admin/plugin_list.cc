#include "worker/admin/plugin_list.h"

#include <set>

#include "shared/base/log.h"
#include "shared/format/json.h"

namespace apisix::admin {
namespace {

using format::Json;

// [{"name": "cors"}, {"name": "limit-conn", "stream": true}]
Json list_of(const settings::Settings& settings) {
  Json list(::Json::arrayValue);
  for (const std::string& name : settings.plugins) list.append(Json(::Json::objectValue))["name"] = name;
  for (const std::string& name : settings.stream_plugins) {
    Json& entry = list.append(Json(::Json::objectValue));
    entry["name"] = name;
    entry["stream"] = true;
  }
  return list;
}

// Order does not count.
std::set<std::string> texts_of(const Json& list) {
  std::set<std::string> out;
  if (!list.isArray()) return out;
  for (const Json& entry : list) out.insert(format::to_json(entry));
  return out;
}

}  // namespace

async::Task<base::Status> PluginList::reset() {
  const auto stored = co_await store_.get(key());
  if (!stored) {
    if (stored.error().code == base::ErrorCode::kNotFound) co_return base::Status{};
    co_return std::unexpected(stored.error());
  }
  const Json list = list_of(settings_);
  const auto before = format::parse_json(stored->value);
  if (before && texts_of(*before) == texts_of(list)) co_return base::Status{};
  base::log_warn("the stored list of plugins differs from config.yaml and is replaced");
  // Another node that does the same at the same time is as good.
  const auto done =
      co_await store_.txn({.compares = {{store::Compare::Target::kModRevision, key(), stored->mod_revision}},
                           .writes = {store::Put{key(), format::to_json(list), 0}}});
  if (!done) co_return std::unexpected(done.error());
  co_return base::Status{};
}

async::Task<base::Status> PluginList::replace(const settings::Settings& read) {
  const auto done =
      co_await store_.txn({.compares = {}, .writes = {store::Put{key(), format::to_json(list_of(read)), 0}}});
  if (!done) co_return std::unexpected(done.error());
  co_return base::Status{};
}

}  // namespace apisix::admin
