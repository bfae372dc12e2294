#include "worker/admin/configs_handler.h"

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/async/background.h"
#include "shared/base/log.h"
#include "shared/format/yaml.h"
#include "worker/admin/configs_check.h"
#include "worker/admin/reply.h"

namespace apisix::admin {
namespace {

using format::Json;
using proxy::LocalAnswer;

constexpr std::string_view kYamlType = "application/yaml";
constexpr std::string_view kZone = "standalone-config";
constexpr int kAttemptsMax = 10;
constexpr std::uint64_t kApplyWaitMs = 1000;

std::string_view header(const proxy::LocalRequest& request, std::string_view name) {
  const auto* field = request.headers->find(name);
  return field != nullptr ? field->value : std::string_view();
}

std::size_t zone_bytes(const settings::Settings& settings) {
  const auto& zones = settings.nginx_config.meta_lua_shared_dict_bytes;
  const auto zone = zones.find(std::string(kZone));
  return zone != zones.end() ? static_cast<std::size_t>(zone->second) : std::size_t{10} << 20;
}

LocalAnswer store_failure(const base::Error& error) {
  base::log_error("the pushed configuration: {}", error.what);
  return error_answer(500, "failed to access the pushed configuration: " + error.what);
}

void add_metadata(const PushedMeta& meta, LocalAnswer& answer) {
  if (!meta.exists) return;
  answer.headers.emplace_back("X-Last-Modified", std::to_string(meta.last_modified));
  answer.headers.emplace_back("X-Digest", meta.digest);
}

Json fault_json(const ConfigFault& fault) {
  Json out(::Json::objectValue);
  out["resource_type"] = fault.list;
  out["error"] = fault.error;
  if (!fault.index) return out;
  out["resource_id"] = fault.id;
  out["index"] = *fault.index;
  return out;
}

// The version that a list has after the push; the error is the text of a 400.
base::Result<Json> next_version(const PushedList& list, const Json& current) {
  if (list.version.isNull()) {
    return current.isIntegral() ? Json(current.asInt64() + 1) : Json(current.asDouble() + 1);
  }
  if (list.version.asDouble() >= current.asDouble()) return list.version;
  return base::invalid(fmt::format("{} must be greater than or equal to ({})", version_key(list.name),
                                   format::to_json(current)));
}

}  // namespace

ConfigsHandler::ConfigsHandler(event::Loop& loop, store::Store& store, config::Registry& registry,
                               const ResourceHandler& resources, const settings::Settings& settings)
    : loop_(loop),
      store_(store),
      registry_(registry),
      resources_(resources),
      is_pushed_(settings::takes_pushed_configuration(settings)),
      bytes_max_(zone_bytes(settings)),
      config_(store, settings.deployment.etcd.prefix) {}

async::Task<LocalAnswer> ConfigsHandler::serve(const proxy::LocalRequest& request, std::string_view path) {
  if (path == "configs/validate" && request.method == "POST") co_return co_await validate(request);
  if (path != "configs") co_return proxy::page_answer(404);
  if (request.method == "PUT") co_return co_await put(request);
  if (request.method == "GET") co_return co_await get(request);
  if (request.method == "HEAD") co_return co_await head();
  co_return proxy::page_answer(404);
}

async::Task<base::Result<std::vector<PushedList>>> ConfigsHandler::parse(const proxy::LocalRequest& request) {
  if (request.body.empty()) co_return base::invalid("empty request body");
  const bool is_yaml = header(request, "content-type").starts_with(kYamlType);
  async::Background<base::Result<std::vector<PushedList>>> parsing(
      loop_, [&body = request.body, is_yaml] { return parse_pushed_document(body, is_yaml); });
  co_return co_await parsing.done();
}

async::Task<LocalAnswer> ConfigsHandler::validate(const proxy::LocalRequest& request) {
  const auto lists = co_await parse(request);
  if (!lists) co_return error_answer(400, "invalid request body: " + lists.error().what);
  const ConfigsCheck check{.hooks = resources_.hooks(),
                           .rules = is_pushed_ ? nullptr : &resources_.rules(),
                           .takes_modified_index = is_pushed_};
  const auto faults = co_await check_configs(loop_, *lists, check);
  if (faults.empty()) co_return json_answer(200, Json(::Json::objectValue));
  Json out(::Json::objectValue);
  out["error_msg"] = "Configuration validation failed";
  Json& errors = out["errors"] = Json(::Json::arrayValue);
  for (const ConfigFault& fault : faults) errors.append(fault_json(fault));
  co_return json_answer(400, out);
}

async::Task<LocalAnswer> ConfigsHandler::get(const proxy::LocalRequest& request) {
  const auto meta = co_await config_.read_meta();
  if (!meta) co_return store_failure(meta.error());
  auto document = co_await config_.read_document(*meta);
  if (!document) co_return store_failure(document.error());
  LocalAnswer answer{200, "application/json", std::move(*document), {}};
  if (header(request, "accept").starts_with(kYamlType)) {
    const auto value = format::parse_json(answer.body);
    if (!value) co_return store_failure(value.error());
    answer.content_type = kYamlType;
    answer.body = format::to_yaml(*value);
  }
  add_metadata(*meta, answer);
  co_return answer;
}

async::Task<LocalAnswer> ConfigsHandler::head() {
  const auto meta = co_await config_.read_meta();
  if (!meta) co_return store_failure(meta.error());
  LocalAnswer answer{200, "application/json", "", {}};
  add_metadata(*meta, answer);
  co_return answer;
}

async::Task<LocalAnswer> ConfigsHandler::put(const proxy::LocalRequest& request) {
  const std::string digest(header(request, "x-digest"));
  if (request.headers->find("x-digest") == nullptr) co_return error_answer(400, "missing digest header");
  const auto lists = co_await parse(request);
  if (!lists) co_return error_answer(400, "invalid request body: " + lists.error().what);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (auto answer = co_await push(*lists, digest)) co_return std::move(*answer);
  }
  co_return error_answer(503, "other pushes came first, again and again");
}

async::Task<std::string> ConfigsHandler::first_fault(const std::vector<PushedList>& lists,
                                                     const StoredItems& stored) {
  const ConfigsCheck check{.hooks = resources_.hooks(),
                           .takes_modified_index = true,
                           .stops_at_first = true,
                           .is_known = [&stored](const PushedItem& item) {
                             const auto known = stored.find(item.item.key);
                             return known != stored.end() && known->second == item.text;
                           }};
  const auto faults = co_await check_configs(loop_, lists, check);
  co_return faults.empty() ? std::string() : faults.front().error;
}

async::Task<std::optional<LocalAnswer>> ConfigsHandler::push(const std::vector<PushedList>& lists,
                                                             const std::string& digest) {
  const auto before = co_await config_.read_meta();
  if (!before) co_return store_failure(before.error());
  if (before->exists && before->digest == digest) co_return LocalAnswer{204, "", "", {}};
  const auto stored = co_await config_.read_items();
  if (!stored) co_return store_failure(stored.error());
  if (const std::string fault = co_await first_fault(lists, *stored); !fault.empty()) {
    co_return error_answer(400, fault);
  }
  PushedMeta after = *before;
  after.exists = true;
  after.digest = digest;
  after.last_modified = loop_.clock().wall_seconds();
  std::vector<bool> changed;
  std::size_t bytes = 0;
  for (const PushedList& list : lists) {
    const Json current = before->version_of(list.name);
    const auto next = next_version(list, current);
    if (!next) co_return error_answer(400, next.error().what);
    changed.push_back(*next != current);
    after.versions[list.name] = *next;
    bytes += list.text.size();
  }
  if (bytes > bytes_max_) {
    co_return error_answer(500, fmt::format("failed to save config to shared dict: no memory ({} bytes, "
                                            "nginx_config.meta.lua_shared_dict.{} is {})",
                                            bytes, kZone, bytes_max_));
  }
  const auto done = co_await store_.txn(config_.plan(lists, changed, *stored, *before, after));
  if (!done) co_return store_failure(done.error());
  if (!done->succeeded) co_return std::nullopt;
  co_await wait_until_applied(done->revision);
  LocalAnswer answer{202, "application/json", "", {}};
  add_metadata(after, answer);
  co_return answer;
}

// So that who pushed may ask this worker next; the others are milliseconds behind.
async::Task<void> ConfigsHandler::wait_until_applied(store::Revision revision) {
  const std::uint64_t until = loop_.clock().monotonic_ms() + kApplyWaitMs;
  while (registry_.applied_revision() < revision && loop_.clock().monotonic_ms() < until) {
    co_await async::Sleep(loop_, 1);
  }
}

}  // namespace apisix::admin
