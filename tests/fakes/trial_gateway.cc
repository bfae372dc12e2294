#include "tests/fakes/trial_gateway.h"

#include <map>
#include <optional>
#include <vector>

#include "shared/base/check.h"
#include "shared/base/log.h"
#include "shared/client/redis_clients.h"
#include "shared/memory/zones.h"
#include "shared/net/tls_client_contexts.h"
#include "worker/admin/hooks.h"
#include "worker/admin/secret_fields.h"
#include "worker/admin/stamp.h"
#include "worker/admin/write_rules.h"
#include "worker/config/registry.h"
#include "worker/plugin/body_coder.h"
#include "worker/plugins/catalog.h"

namespace apisix::admin {
namespace {

using format::Json;
using plugin::ChainRun;
using plugin::Phase;
using resource::Kind;

constexpr const char* kPrefix = "/apisix";
constexpr int kTurnsMax = 3;
constexpr std::string_view kUri = "/trial";

class MemoryStore final : public store::Store {
 public:
  void put(const std::string& key, const std::string& value) {
    ++revision_;
    const auto before = items_.find(key);
    const store::Revision created = before != items_.end() ? before->second.create_revision : revision_;
    items_[key] = {.key = key, .value = value, .create_revision = created, .mod_revision = revision_};
    notify({store::Event::Type::kPut, items_[key]});
  }
  void remove(const std::string& key) {
    ++revision_;
    items_.erase(key);
    notify({store::Event::Type::kDelete, {.key = key, .value = {}, .mod_revision = revision_}});
  }

  std::optional<std::string> find(const std::string& key) const {
    const auto found = items_.find(key);
    return found != items_.end() ? std::optional(found->second.value) : std::nullopt;
  }

  async::Task<base::Result<store::Item>> get(std::string key) override {
    const auto found = items_.find(key);
    if (found == items_.end()) {
      co_return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, "no such key", false);
    }
    co_return found->second;
  }
  async::Task<base::Result<store::ListReply>> list(std::string prefix) override {
    store::ListReply reply{.items = {}, .revision = revision_};
    for (const auto& [key, item] : items_) {
      if (key.starts_with(prefix)) reply.items.push_back(item);
    }
    co_return reply;
  }
  async::Task<base::Result<store::TxnReply>> txn(store::Txn) override {
    co_return base::invalid("read only");
  }
  async::Task<base::Result<store::LeaseId>> grant_lease(std::int64_t) override {
    co_return store::LeaseId{1};
  }
  async::Task<base::Result<std::int64_t>> keep_lease_alive(store::LeaseId) override { co_return 1; }
  std::unique_ptr<store::Watch> watch(std::string, store::Revision,
                                      store::WatchCallbacks callbacks) override {
    callbacks_ = std::move(callbacks);
    return std::make_unique<store::Watch>();
  }
  std::string_view provider() const override { return "memory"; }

 private:
  void notify(store::Event event) {
    if (callbacks_.on_batch) callbacks_.on_batch({revision_, {std::move(event)}});
  }

  std::map<std::string, store::Item> items_;
  store::Revision revision_ = 1;
  store::WatchCallbacks callbacks_;
};

std::vector<std::string> all_plugins() {
  std::vector<std::string> names;
  for (const plugin::PluginKind* kind : plugins::catalog()) names.emplace_back(kind->info().name);
  return names;
}

memory::Zones make_zones() {
  memory::ZonePlan plan;
  auto zones = memory::Zones::create(plan);
  CHECK(zones.has_value());
  return std::move(*zones);
}

// One request, through everything that can see it.
class Trial final : public plugin::RequestIo {
 public:
  Trial(event::Loop& loop, config::Registry& registry)
      : loop_(loop), registry_(registry), request_(arena_, loop.clock()) {
    auto* head = arena_.make<http::RequestHead>();
    head->method = http::Method::kGet;
    head->method_text = "GET";
    head->target = "/trial?a=1";
    head->path = kUri;
    head->query = "a=1";
    head->has_query = true;
    head->authority = "a.example";
    const std::pair<std::string_view, std::string_view> fields[] = {
        {"Host", "a.example"},
        {"apikey", "k"},
        {"Authorization", "Basic dTpw"},
        {"Origin", "http://a"},
        {"Cookie", "a=b"},
        {"X-Forwarded-For", "127.0.0.2, 127.0.0.1"},
        {"Referer", "http://a.example/"},
        {"Accept-Encoding", "gzip"}};
    for (const auto& [name, value] : fields) head->headers.add(arena_, name, value);
    request_.head = head;
    client_.peer_ip = *base::IpAddress::parse("127.0.0.1");
    client_.local_port = 9080;
    request_.client.connection = &client_;
    request_.target.path = request_.target.match_path = kUri;
    request_.target.args = "a=1";
    request_.target.host = "a.example";
    request_.set_remote(client_.peer_ip, 40000);
    request_.io = this;
  }

  void run() {
    const auto route = registry_.match(request_);
    const auto global = registry_.global_chain();
    if (route && route->runtime->failure == 0) {
      chain_ = route->runtime->chain;
    } else {
      failure_ = route ? route->runtime->failure_reason : "";
    }
    for (const Phase phase : {Phase::kRewrite, Phase::kAccess, Phase::kBeforeProxy}) {
      step(phase, global);
      if (route && request_.identity.consumer) {
        if (auto merged = registry_.chain_with(*route, request_.identity.consumer)) chain_ = *merged;
      }
    }
    response(global);
  }
  const std::string& failure() const { return failure_; }

 private:
  async::Task<BodyRead> read_body(std::size_t) override { co_return BodyRead{.data = "{\"a\":1}"}; }
  async::Task<std::string_view> read_body_start(std::size_t) override { co_return std::string_view("{"); }
  async::Task<bool> replace_body(std::string) override { co_return true; }
  async::Task<void> read_body_fields() override {
    request_.body.set("{\"a\":1}", "application/json");
    co_return;
  }
  event::Loop& loop() override { return loop_; }

  // A hook that waits longer than a few turns is dropped, as when the client closes.
  void step(Phase phase, const base::Ref<const plugin::Chain>& global) {
    for (const bool is_global : {true, false}) {
      ChainRun run(request_);
      run.set_global(global);
      run.set_route(chain_);
      const auto on_done = [](void*) {};
      for (int turn = 0; turn < kTurnsMax; ++turn) {
        const auto result =
            is_global ? run.run_global(phase, on_done, nullptr) : run.run_route(phase, on_done, nullptr);
        if (result != ChainRun::Result::kWait) break;
        bool is_done = false;
        for (int i = 0; i < kTurnsMax && !is_done; ++i) loop_.run_once(0);
        break;
      }
      run.cancel();
    }
  }

  void response(const base::Ref<const plugin::Chain>& global) {
    plugin::Attempt& attempt = request_.add_attempt();
    attempt.status = 500;
    auto* head = arena_.make<http::ResponseHead>();
    head->status = 500;
    request_.response.status = head->status;
    request_.response.from_upstream = true;
    request_.response.upstream_head = head;
    request_.response.headers.add(arena_, "Content-Type", "text/html");
    ChainRun run(request_);
    run.set_global(global);
    run.set_route(chain_);
    run.filter_header();
    if (request_.response.coder != nullptr) request_.choose_body_coder();
    plugin::Body body;
    for (const bool is_last : {false, true}) {
      body.begin("0123456789 a 0123456789", is_last);
      run.filter_body(body);
      if (plugin::BodyCoder* coder = request_.response.coder.get()) {
        coder->encode(body.data(), body.flush(), body.last(), body.output());
      }
    }
    run.log();
    for (int i = 0; i < kTurnsMax; ++i) loop_.run_once(0);
  }

  event::Loop& loop_;
  config::Registry& registry_;
  base::Arena arena_;
  plugin::ClientInfo client_;
  plugin::RequestState request_;
  base::Ref<const plugin::Chain> chain_;
  std::string failure_;
};

}  // namespace

struct TrialGateway::Parts {
  Parts()
      : zones(make_zones()),
        redis(loop, nullptr, "", tls_contexts),
        registry(loop, store, {random, loads, nullptr, &zones.health}, options()),
        hooks(make_hooks([this]() -> const plugin::PluginSet& { return registry.plugins(); }, settings)),
        secrets(settings, registry),
        context{loop, store, registry, settings, zones.status, {}, {}},
        rules(context, store, hooks) {
    base::set_log_level(base::LogLevel::kEmerg);
    auto loading = registry.load();
    loading.start();
    while (!loading.done()) loop.run_once(1);
    CHECK(loading.take_result().has_value());
  }

  config::RegistryOptions options() {
    config::RegistryOptions out;
    out.plugins = all_plugins();
    out.runtime_prefix = "/nonexistent";
    out.zones = &zones;
    out.redis = &redis;
    return out;
  }

  event::Loop loop;
  base::Random random{1};
  upstream::LoadRegistry loads;
  memory::Zones zones;
  net::TlsClientContexts tls_contexts;
  client::RedisClients redis;
  settings::Settings settings;
  MemoryStore store;
  config::Registry registry;
  resource::ValidateHooks hooks;
  SecretFields secrets;
  AdminContext context;
  WriteRules rules;
};

TrialGateway::TrialGateway() : parts_(std::make_unique<Parts>()) {
  keep(Kind::kRoute, "base", *format::parse_json(R"({"id": "base", "uri": "/trial", "priority": -1,
      "service_id": "1", "plugin_config_id": "1",
      "plugins": {"key-auth": {}}})"));
  keep(Kind::kService, "1", *format::parse_json(R"({"id": "1"})"));
  keep(Kind::kPluginConfig, "1", *format::parse_json(R"({"id": "1", "plugins": {}})"));
  keep(Kind::kConsumer, "jack", *format::parse_json(R"({"username": "jack",
      "plugins": {"key-auth": {"key": "k"}}})"));
}

TrialGateway::~TrialGateway() = default;

void TrialGateway::keep(Kind kind, const std::string& id, const Json& value) {
  parts_->store.put(kPrefix + resource::store_key(kind, id), format::to_json(value));
}

TrialGateway::Outcome TrialGateway::put(Kind kind, const std::string& id, const Json& value) {
  Parts& own = *parts_;
  ResourcePath path{.kind = kind, .parent = "", .id = id, .sub_path = ""};
  if (const auto slash = id.find('/'); slash != id.npos) {
    path.parent = id.substr(0, slash);
    path.id = id.substr(id.rfind('/') + 1);
  }
  Json body = value;
  auto checking = own.rules.check(path, body, WriteRules::References::kNotAsked);
  checking.start();
  while (!checking.done()) own.loop.run_once(1);
  if (const auto refused = checking.take_result()) {
    const std::string& reason = refused->what.error_msg;
    return {refused->status, reason, !reason.contains("it cannot be built")};
  }
  own.secrets.encrypt(kind, path.id, body);
  if (resource::info_of(kind).has_timestamps) stamp(body, 1, nullptr);
  return store(kind, id, body);
}

TrialGateway::Outcome TrialGateway::store(Kind kind, const std::string& id, const Json& value) {
  Parts& own = *parts_;
  const std::string key = kPrefix + resource::store_key(kind, id);
  const std::optional<std::string> before = own.store.find(key);
  own.store.put(key, format::to_json(value));
  Outcome out;
  {
    Trial trial(own.loop, own.registry);
    trial.run();
    out.reason = trial.failure();
  }
  for (const auto& [rejected, rejection] : own.registry.rejections().listed()) out.reason += rejection.reason;
  out.is_built = !out.reason.contains("it cannot be built");
  own.store.remove(key);
  if (before) own.store.put(key, *before);
  return out;
}

TrialGateway::Outcome TrialGateway::put_plugin(const std::string& name, const Json& conf) {
  Json route(::Json::objectValue);
  route["id"] = "1";
  route["uri"] = std::string(kUri);
  route["plugins"][name] = conf;
  return put(Kind::kRoute, "1", route);
}

}  // namespace apisix::admin
