#include "worker/worker.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "shared/async/scope.h"
#include "shared/base/keyring.h"
#include "shared/base/log.h"
#include "shared/channel/heartbeat.h"
#include "shared/client/redis_clients.h"
#include "shared/event/loop.h"
#include "shared/net/tls_client_contexts.h"
#include "shared/resolve/configured.h"
#include "shared/settings/config_path.h"
#include "shared/settings/load.h"
#include "shared/settings/settings.h"
#include "shared/settings/shown_key.h"
#include "shared/store/open_store.h"
#include "worker/admin/admin_service.h"
#include "worker/admin/item_check.h"
#include "worker/certificate_watch.h"
#include "worker/config/registry.h"
#include "worker/control/control_service.h"
#include "worker/debug_file.h"
#include "worker/drain.h"
#include "worker/first_load.h"
#include "worker/heap_trim.h"
#include "worker/io_uring.h"
#include "worker/lua_options.h"
#include "worker/plugin/compiled_schemas.h"
#include "worker/plugin/graphql_fields.h"
#include "worker/plugins/catalog.h"
#include "worker/proxy/access_log.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/services.h"
#include "worker/route/router.h"
#include "worker/tls/certificate_table.h"
#include "worker/tls_listening.h"
#include "worker/upstream/load_registry.h"

namespace apisix::worker {
namespace {

using Purpose = channel::ListenSocket::Purpose;

// Files hold plain text: their authors have no keyring.
base::Keyring plugin_keyring(const settings::Settings& settings) {
  const auto& encryption = settings.apisix.data_encryption;
  const bool has_files = settings.deployment.provider == settings::Provider::kYaml ||
                         settings.deployment.provider == settings::Provider::kJson;
  return encryption.enable_encrypt_fields && !has_files ? base::Keyring(encryption.keyring) : base::Keyring();
}

memory::ConfigSource source_of(const settings::Settings& settings) {
  using memory::ConfigSource;
  if (settings::takes_pushed_configuration(settings)) return ConfigSource::kPushed;
  switch (settings.deployment.provider) {
    case settings::Provider::kLocal:
      return ConfigSource::kLocal;
    case settings::Provider::kEtcd:
      return ConfigSource::kEtcd;
    case settings::Provider::kYaml:
      return ConfigSource::kYaml;
    case settings::Provider::kJson:
      return ConfigSource::kJson;
  }
  return ConfigSource::kUnknown;
}

// Where relative paths of plugins begin: as in APISIX the folder in which the gateway was started; the
// instance's own for a service, which is started in none.
std::string folder_of_start(const std::string& prefix) {
  const char* const folder = std::getenv("APISIX_STARTED_IN");
  return folder != nullptr && std::string_view(folder) != "/" ? folder : prefix;
}

// Those of apisix.ssl.listen. The one with the PROXY protocol is for load balancers: no client may be sent to
// it.
std::vector<std::uint16_t> tls_ports(const settings::Settings& settings) {
  std::vector<std::uint16_t> ports;
  for (const settings::Listen& listen : settings.apisix.ssl.listen) {
    if (listen.proxy_protocol) continue;
    if (std::ranges::find(ports, listen.port) == ports.end()) ports.push_back(listen.port);
  }
  return ports;
}

secret::SecretCacheOptions secret_options(const settings::Settings& settings) {
  const auto& lru = settings.apisix.lru_secret;
  const auto at_least_one_tick = [](std::int64_t ms) { return std::max<std::uint64_t>(ms < 0 ? 0 : ms, 10); };
  return {.ttl_ms = at_least_one_tick(lru.ttl_ms),
          .neg_ttl_ms = at_least_one_tick(lru.neg_ttl_ms),
          .count = static_cast<std::size_t>(std::max<std::int64_t>(lru.count, 0)),
          .neg_count = static_cast<std::size_t>(std::max<std::int64_t>(lru.neg_count, 0))};
}

LuaProcess lua_process(const channel::WorkerContext& context) {
  return {.config_path = context.config_path,
          .prefix = context.prefix,
          .instance_id = context.instance_id,
          .may_compile = !context.interprets_lua};
}

// Everything of one worker. Members are in the order in which they need each other; destroyed in reverse.
// open() makes those that are pointers, all before the loop turns. Services are made of the registry and
// destroyed behind it: what its loggers hold is charged to them.
class Worker {
 public:
  explicit Worker(channel::WorkerContext&& context)
      : context_(std::move(context)),
        options_(proxy::Options::from(context_.settings)),
        lua_settings_(lua_settings(context_.settings, lua_process(context_))),
        traffic_(context_.zones.traffic, context_.zones.owner_of(context_.slot)),
        scope_(loop_) {
    plugin::GraphqlFields::set_bytes_max(static_cast<std::size_t>(context_.settings.graphql_max_bytes));
  }

  int run() {
    context_.channel.start(
        loop_, [this](const channel::Message& message) { on_message(message); },
        [this] { on_master_gone(); });
    if (auto status = open(); !status) return fail(status.error());
    scope_.spawn(load());
    loop_.run();
    services_->connections.close_all();
    return exit_code_;
  }

 private:
  int fail(const base::Error& error) {
    base::log(base::LogLevel::kEmerg, "{}", error.what);
    static_cast<void>(context_.channel.send(channel::MessageKind::kFailed, error.what));
    exit_code_ = 1;
    loop_.stop();
    return exit_code_;
  }

  base::Status open() {
    open_io_uring(loop_, context_.settings.nginx_config.event, context_.slot);
    if (auto status = plugin::check_schemas(plugins::catalog()); !status) return status;
    if (auto status = open_access_log(); !status) return status;
    debug_file_ = std::make_unique<DebugFile>(
        loop_, settings::profile_path(context_.prefix, "debug", "yaml", settings::own_environment),
        plugin::debug_mode);
    auto store = store::open_store(loop_, context_.settings, context_.prefix,
                                   {context_.store.device, context_.store.inode, context_.store.is_checked});
    if (!store) return std::unexpected(store.error());
    store_ = std::move(*store);
    lua_settings_.store = store_.get();
    auto config = resolve::configured_resolver(context_.settings);
    if (!config) return std::unexpected(config.error());
    auto resolver = resolve::make_resolver(loop_, random_, std::move(*config));
    if (!resolver) return std::unexpected(resolver.error());
    resolver_ = std::move(*resolver);
    // Without a bundle only verified connections fail, and say so.
    redis_ = std::make_unique<client::RedisClients>(
        loop_, resolver_.get(), settings::trusted_certificate_path(context_.settings).value_or(""),
        tls_contexts_);
    make_registry();
    make_services();
    context_.slot.source.store(source_of(context_.settings));
    store_->on_health([this](const store::StoreHealth& health) {
      context_.slot.store_away_since_ms.set(health.connected ? 0 : health.since_ms);
    });
    admin_ = std::make_unique<admin::AdminService>(
        admin::AdminContext{loop_, *store_, *registry_, context_.settings, context_.zones.status,
                            context_.prefix, [this] { return reload_plugins_everywhere(); }});
    control_ = std::make_unique<control::ControlService>(
        control::Deps{loop_, *store_, *registry_, context_.settings, context_.zones, context_.instance_id,
                      [this] { return status_of(reload_plugins_everywhere()); }});
    auto tls = TlsListening::make({.settings = context_.settings,
                                   .admin_certificate = context_.admin_certificate,
                                   .zones = context_.zones,
                                   .tallies = context_.slot.handshakes,
                                   .clock = loop_.clock(),
                                   .identities = registry_->certificates()});
    if (!tls) return std::unexpected(tls.error());
    tls_ = std::move(*tls);
    services_->tls = {&tls_->clients(), tls_->admin(), nullptr};
    return open_listeners();
  }

  // Empty until load().
  void make_registry() {
    registry_ = std::make_unique<config::Registry>(
        loop_, *store_, upstream::ClusterDeps{random_, loads_, resolver_.get(), health_table()},
        config::RegistryOptions{
            .prefix = context_.settings.deployment.etcd.prefix,
            .router_kind = route::router_kind_of(context_.settings.apisix.router_http).value(),
            .plugins = context_.settings.plugins,
            .keyring = plugin_keyring(context_.settings),
            .key_keyring = base::Keyring(context_.settings.apisix.data_encryption.keyring),
            .plugin_attr = context_.settings.plugin_attr,
            .runtime_prefix = folder_of_start(context_.prefix),
            .zones = &context_.zones,
            .worker_index = context_.slot.index,
            .zone_owner = context_.zones.owner_of(context_.slot),
            .hidden_key_prefix = std::string(settings::hidden_key_prefix(context_.settings)),
            .redis = redis_.get(),
            .tls_ports = tls_ports(context_.settings),
            .secrets = secret_options(context_.settings),
            .upstream_tls = upstream_tls_options(),
            .lua = &lua_settings_});
    const auto source = settings::reads_configuration_file(context_.settings) ? admin::ItemSource::kFile
                                                                              : admin::ItemSource::kStore;
    registry_->set_check(admin::make_item_check(source, *registry_, context_.settings));
    registry_->on_applied([this](store::Revision revision) {
      if (has_configuration(revision)) {
        note_applied(static_cast<std::uint64_t>(revision));
      }
    });
  }

  // Private keys are encrypted whatever is done with plugins' fields.
  config::UpstreamTlsOptions upstream_tls_options() {
    const settings::Settings& settings = context_.settings;
    return {.contexts = &tls_contexts_,
            .ca_file = settings::trusted_certificate_path(settings).value_or(""),
            .verify = settings.nginx_config.http.proxy_ssl.verify,
            .sends_name = settings.nginx_config.http.proxy_ssl.server_name,
            .keyring = base::Keyring(settings.apisix.data_encryption.keyring)};
  }

  // What the requests of this worker share, and what looks at it.
  void make_services() {
    services_ = std::make_unique<proxy::Services>(proxy::ServicesDeps{.loop = loop_,
                                                                      .options = options_,
                                                                      .registry = *registry_,
                                                                      .status = context_.zones.status,
                                                                      .tallies = context_.slot.connections,
                                                                      .access_log = access_log_.get(),
                                                                      .traffic = &traffic_});
    services_->bodies.publish_to(context_.slot.held_body_bytes);
    registry_->batches().set_budget(services_->bodies);
    resolver_->subscribe_all(vanished_);
    drain_ = std::make_unique<Drain>(
        *services_, listeners_, [this] { return redis_->is_idle(); }, [this] { loop_.stop(); });
    heap_trim_ = std::make_unique<HeapTrim>(*services_);
  }

  memory::HealthTable* health_table() {
    return context_.settings.apisix.disable_upstream_healthcheck ? nullptr : &context_.zones.health;
  }

  // What is applied again (a list that was read anew) is no change.
  void note_applied(std::uint64_t revision) {
    if (context_.slot.applied_revision.get() == revision) return;
    context_.slot.applied_revision.set(revision);
    context_.slot.applied_at_ms.set(loop_.clock().wall_ms());
  }

  // Where the configuration is pushed, an empty store waits for the first push.
  bool has_configuration(store::Revision revision) const {
    constexpr store::Revision kFirstWrite = 2;
    if (settings::takes_pushed_configuration(context_.settings)) return revision >= kFirstWrite;
    return store_->has_configuration();
  }

  base::Status open_access_log() {
    const auto& http = context_.settings.nginx_config.http;
    if (!http.enable_access_log) return {};
    const std::string path =
        http.access_log.starts_with('/') ? http.access_log : context_.prefix + "/" + http.access_log;
    auto log = proxy::AccessLog::open(loop_, path,
                                      proxy::LogFormat(http.access_log_format, http.access_log_format_escape),
                                      static_cast<std::size_t>(http.access_log_buffer_bytes));
    if (!log) return std::unexpected(log.error());
    access_log_ = std::move(*log);
    return {};
  }

  base::Status open_listeners() {
    for (const channel::ListenSocket& socket : context_.sockets) {
      listeners_.push_back(make_listener(socket));
      if (socket.is_spare) spares_.push_back(listeners_.back().get());
    }
    return {};
  }

  std::unique_ptr<proxy::Listener> make_listener(const channel::ListenSocket& socket) {
    using proxy::ClientKind;
    using proxy::Listener;
    if (socket.purpose == Purpose::kAdmin) {
      return std::make_unique<Listener>(*services_, socket, ClientKind::kAdmin, admin_.get());
    }
    if (socket.purpose == Purpose::kControl) {
      return std::make_unique<Listener>(*services_, socket, ClientKind::kControl, control_.get());
    }
    return std::make_unique<Listener>(*services_, socket, ClientKind::kProxy, nullptr);
  }

  async::Task<void> load() {
    if (auto status = co_await first_load(loop_, *store_, *registry_, context_.settings, context_.prefix);
        !status) {
      fail(status.error());
      co_return;
    }
    co_await settle_certificates(loop_, *registry_);
    if (auto sent = context_.channel.send(channel::MessageKind::kReady); !sent) loop_.stop();
    scope_.spawn(watch_certificates(loop_, *registry_, context_.slot));
    const bool has_history = settings::serves_admin_api(context_.settings) &&
                             !settings::reads_configuration_file(context_.settings);
    if (context_.slot.index != 0 || !has_history) co_return;
    // config.yaml counts when the gateway starts or is reloaded; behind that the stored list does, which may
    // have been renewed since.
    if (!context_.is_successor && !settings::takes_pushed_configuration(context_.settings)) {
      const auto status = co_await admin_->reset_plugin_list();
      if (!status) base::log_error("cannot renew the stored list of plugins: {}", status.error().what);
    }
    scope_.spawn(admin_->keep_history_trimmed());
  }

  void on_message(const channel::Message& message) {
    switch (message.kind) {
      case channel::MessageKind::kReopenLogs:
        return reopen_logs();
      case channel::MessageKind::kServe:
        return serve();
      case channel::MessageKind::kQuit:
        return drain_->begin(message.text, shutdown_timeout_ms());
      case channel::MessageKind::kCover:
        return cover(message.text, true);
      case channel::MessageKind::kUncover:
        return cover(message.text, false);
      case channel::MessageKind::kReloadPlugins:
        return log_failure(status_of(reload_plugins()));
      case channel::MessageKind::kStop:
        return loop_.stop();
      default:
        return;
    }
  }

  void serve() {
    if (services_->draining) return;
    for (auto& listener : listeners_) {
      if (std::ranges::find(spares_, listener.get()) == spares_.end()) listener->start();
    }
  }

  // Clients of a worker that is dead, until it has a successor.
  void cover(std::string_view fds, bool on) {
    if (services_->draining) return;
    for (proxy::Listener* spare : spares_) {
      if (!names_descriptor(fds, spare->fd())) continue;
      on ? spare->start() : spare->stop_accepting();
    }
  }

  // The list and the attributes only; the rest of config.yaml is read by a reload of the gateway.
  base::Result<settings::Settings> reload_plugins() {
    base::log_info("start to hot reload plugins");
    auto loaded = settings::load_settings({.config_path = context_.config_path, .prefix = context_.prefix});
    if (!loaded) return std::unexpected(loaded.error());
    auto reloaded = registry_->reload_plugins(loaded->settings.plugins, loaded->settings.plugin_attr);
    if (!reloaded) return std::unexpected(reloaded.error());
    return std::move(loaded->settings);
  }

  static base::Status status_of(const base::Result<settings::Settings>& read) {
    if (!read) return std::unexpected(read.error());
    return {};
  }

  static void log_failure(const base::Status& status) {
    if (!status) base::log_error("cannot reload the plugins: {}", status.error().what);
  }

  base::Result<settings::Settings> reload_plugins_everywhere() {
    auto read = reload_plugins();
    if (!read) return read;
    if (auto sent = context_.channel.send(channel::MessageKind::kReloadPlugins); !sent)
      return std::unexpected(sent.error());
    return read;
  }

  void reopen_logs() {
    if (auto done = base::reopen_error_log(); !done) base::log_error("{}", done.error().what);
    if (registry_ != nullptr) registry_->on_logs_reopened();
    if (access_log_ == nullptr) return;
    if (auto done = access_log_->reopen(); !done) base::log_error("{}", done.error().what);
  }

  std::uint64_t shutdown_timeout_ms() const {
    return static_cast<std::uint64_t>(context_.settings.nginx_config.worker_shutdown_timeout_ms);
  }

  // Killed, most likely. A new master can start beside us: our ports are not needed, and no process would
  // stop us.
  void on_master_gone() {
    base::log(base::LogLevel::kAlert, "the master process is gone: draining");
    const std::uint64_t limit_ms = shutdown_timeout_ms();
    drain_->begin({}, limit_ms == 0 ? channel::kOrphanLimitMs : std::min(limit_ms, channel::kOrphanLimitMs));
  }

  void on_vanished(const resolve::ResolvedHost&, std::span<const base::IpAddress> vanished) {
    for (const base::IpAddress& ip : vanished) services_->pool.drop_idle(ip);
  }

  event::Loop loop_;
  channel::WorkerContext context_;
  channel::Heartbeat heartbeat_{loop_, context_.slot};
  const proxy::Options options_;
  plugin::LuaSettings lua_settings_;
  base::Random random_{std::random_device{}()};
  upstream::LoadRegistry loads_;
  std::unique_ptr<proxy::Services> services_;
  memory::TrafficMeter traffic_;
  std::unique_ptr<proxy::AccessLog> access_log_;
  std::unique_ptr<DebugFile> debug_file_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<resolve::Resolver> resolver_;
  resolve::HostSubscription vanished_{resolve::HostSubscription::Callback::of<&Worker::on_vanished>(*this)};
  net::TlsClientContexts tls_contexts_;
  std::unique_ptr<client::RedisClients> redis_;
  std::unique_ptr<config::Registry> registry_;
  std::unique_ptr<admin::AdminService> admin_;
  std::unique_ptr<control::ControlService> control_;
  std::unique_ptr<TlsListening> tls_;
  std::vector<std::unique_ptr<proxy::Listener>> listeners_;
  std::vector<proxy::Listener*> spares_;  // of listeners_: other workers' sockets
  std::unique_ptr<Drain> drain_;
  std::unique_ptr<HeapTrim> heap_trim_;
  async::Scope scope_;
  int exit_code_ = 0;
};

}  // namespace

int worker_main(channel::WorkerContext&& context) {
  tune_heap();
  return Worker(std::move(context)).run();
}

}  // namespace apisix::worker
