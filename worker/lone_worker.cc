#include "worker/lone_worker.h"

#include <algorithm>
#include <random>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/channel/child_context.h"
#include "shared/client/redis_clients.h"
#include "shared/net/tls_client_contexts.h"
#include "shared/resolve/configured.h"
#include "shared/settings/load.h"
#include "shared/store/local_store.h"
#include "worker/admin/admin_service.h"
#include "worker/config/registry.h"
#include "worker/lua/runtime.h"
#include "worker/lua/tool_host.h"
#include "worker/lua_options.h"
#include "worker/lua_upstream.h"
#include "worker/plugin/compiled_schemas.h"
#include "worker/plugins/catalog.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/services.h"
#include "worker/route/router.h"
#include "worker/scratch_folder.h"
#include "worker/upstream/load_registry.h"

namespace apisix::worker {
namespace {

constexpr std::uint64_t kApplyMs = 10'000;
constexpr std::uint64_t kTurnMs = 1'000;
constexpr int kBacklog = 128;

// What a file says about this process's surroundings does not hold for a command.
settings::Settings alone(settings::Settings settings) {
  settings.deployment.role = settings::Role::kTraditional;
  settings.deployment.provider = settings::Provider::kLocal;
  settings.deployment.admin.admin_key_required = false;
  settings.deployment.admin.enable_admin_ui = false;
  settings.nginx_config.worker_processes = 1;
  settings.lua.jit = false;  // a loop in machine code would end the command
  return settings;
}

base::Result<net::Socket> listen_on_loopback() {
  net::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  const bool is_bound = socket.is_open() &&
                        ::bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                        ::listen(socket.fd(), kBacklog) == 0;
  if (!is_bound) return base::system_error("cannot listen on 127.0.0.1", errno);
  return socket;
}

channel::ListenSocket described(int fd, settings::Listen listen) {
  return {.fd = fd,
          .purpose = channel::ListenSocket::Purpose::kProxy,
          .address = {},
          .listen = std::move(listen)};
}

}  // namespace

struct LoneWorker::Parts {
  Parts(LoneWorkerOptions given, memory::Zones made_zones)
      : options(std::move(given)),
        settings(alone(options.settings)),
        proxy_options(proxy::Options::from(settings)),
        lua_settings(lua_settings_of()),
        zones(std::move(made_zones)) {}

  plugin::LuaSettings lua_settings_of() const {
    return worker::lua_settings(
        settings, {.config_path = options.config_path, .prefix = options.prefix, .instance_id = "lua"});
  }

  base::Status open() {
    if (folder.path().empty()) return base::system_error("cannot make a folder for temporary files", errno);
    log_path = folder.file("error.log");
    if (auto opened = base::open_error_log(
            log_path, std::max(settings.nginx_config.error_log_level, base::LogLevel::kInfo));
        !opened)
      return opened;
    if (auto status = plugin::check_schemas(plugins::catalog()); !status) return status;
    slot = zones.status.claim(memory::ChildRole::kWorker, 0, 1);
    slot->state.store(memory::ChildState::kReady);
    store::LocalStoreOptions store_options;
    store_options.path = folder.file("store.mdb");
    auto opened = store::LocalStore::open(loop, store_options);
    if (!opened) return std::unexpected(opened.error());
    store = std::move(*opened);
    lua_settings.store = store.get();
    auto config = resolve::configured_resolver(settings);
    if (!config) return std::unexpected(config.error());
    auto made = resolve::make_resolver(loop, random, std::move(*config));
    if (!made) return std::unexpected(made.error());
    resolver = std::move(*made);
    const std::string ca_file = settings::trusted_certificate_path(settings).value_or("");
    redis = std::make_unique<client::RedisClients>(loop, resolver.get(), ca_file, tls_contexts);
    make_registry(ca_file);
    services = std::make_unique<proxy::Services>(proxy::ServicesDeps{.loop = loop,
                                                                     .options = proxy_options,
                                                                     .registry = *registry,
                                                                     .status = zones.status,
                                                                     .tallies = slot->connections});
    registry->batches().set_budget(services->bodies);
    admin = std::make_unique<admin::AdminService>(
        admin::AdminContext{loop, *store, *registry, settings, zones.status, options.prefix,
                            [this]() -> base::Result<settings::Settings> {
                              if (auto status = reload(); !status) return std::unexpected(status.error());
                              return settings;
                            }});
    return open_sockets();
  }

  void make_registry(const std::string& ca_file) {
    config::RegistryOptions out;
    out.prefix = settings.deployment.etcd.prefix;
    out.router_kind = route::router_kind_of(settings.apisix.router_http).value();
    out.plugins = settings.plugins;
    out.plugin_attr = settings.plugin_attr;
    out.runtime_prefix = options.prefix;
    out.zones = &zones;
    out.zone_owner = zones.owner_of(*slot);
    out.redis = redis.get();
    out.upstream_tls.contexts = &tls_contexts;
    out.upstream_tls.ca_file = ca_file;
    out.lua = &lua_settings;
    registry = std::make_unique<config::Registry>(
        loop, *store, upstream::ClusterDeps{random, loads, resolver.get(), &zones.health}, std::move(out));
    registry->on_applied([this](store::Revision revision) {
      slot->applied_revision.set(static_cast<std::uint64_t>(revision));
    });
  }

  base::Status open_sockets() {
    clients =
        std::make_unique<proxy::Listener>(*services, described(-1, {}), proxy::ClientKind::kProxy, nullptr);
    auto socket = listen_on_loopback();
    if (!socket) return std::unexpected(socket.error());
    upstream_socket = std::move(*socket);
    upstream_service = std::make_unique<LuaUpstream>(registry->plugin_deps());
    upstreams = std::make_unique<proxy::Listener>(*services, described(upstream_socket.fd(), {}),
                                                  proxy::ClientKind::kControl, upstream_service.get());
    upstreams->start();
    auto& host = registry->plugin_deps().shared<lua::ToolHost>();
    host.upstream_port = upstreams->port();
    host.connect = [this](const base::IpAddress& client) { return connect(client); };
    host.take_log = [this] { return take_log(); };
    host.admin = [this](std::string method, std::string path, std::string body) {
      return ask_admin(std::move(method), std::move(path), std::move(body));
    };
    return run(registry->load());
  }

  template <typename Result>
  Result run(async::Task<Result> task) {
    task.start();
    while (!task.done()) loop.run_once(kTurnMs);
    return task.take_result();
  }

  base::Status reload() { return registry->reload_plugins(settings.plugins, settings.plugin_attr); }

  async::Task<lua::ToolHost::AdminResponse> ask_admin(std::string method, std::string path,
                                                      std::string body) {
    proxy::LocalRequest request;
    const http::HeaderMap none;
    const std::string whole = "/apisix/admin" + path;
    const auto mark = whole.find('?');
    const std::string query =
        (mark == std::string::npos ? "" : whole.substr(mark + 1) + "&") + fmt::format("wait={}", kApplyMs);
    request.method = method;
    request.raw_path = request.path = std::string_view(whole).substr(0, mark);
    request.query = query;
    request.headers = &none;
    request.body = std::move(body);
    proxy::LocalResponse response = co_await admin->serve(request);
    co_return lua::ToolHost::AdminResponse{response.status, std::move(response.body)};
  }

  // The client's end is the peer of one that the proxy takes as accepted from `client`.
  base::Result<net::Socket> connect(const base::IpAddress& client) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
      return base::system_error("socketpair() failed", errno);
    net::Socket own(ends[0]);
    constexpr std::uint16_t kClientPort = 50'000;
    sockaddr_storage peer{};
    client.to_sockaddr(kClientPort, peer);
    auto* connection = new proxy::ClientConnection(*clients, net::Socket(ends[1]), peer);
    slot->connections.active.add();
    services->connections.add(*connection);
    connection->start();
    return own;
  }

  std::string take_log() {
    const auto text = base::read_file(log_path);
    if (!text || text->size() <= log_taken) return {};
    return text->substr(std::exchange(log_taken, text->size()));
  }

  ~Parts() {
    if (services) services->connections.close_all();
  }

  ScratchFolder folder;
  const LoneWorkerOptions options;
  const settings::Settings settings;
  event::Loop loop;
  const proxy::Options proxy_options;
  plugin::LuaSettings lua_settings;
  memory::Zones zones;
  memory::StatusSlot* slot = nullptr;
  base::Random random{std::random_device{}()};
  upstream::LoadRegistry loads;
  std::unique_ptr<proxy::Services> services;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<resolve::Resolver> resolver;
  net::TlsClientContexts tls_contexts;
  std::unique_ptr<client::RedisClients> redis;
  std::unique_ptr<config::Registry> registry;
  std::unique_ptr<admin::AdminService> admin;
  std::unique_ptr<proxy::Listener> clients;
  net::Socket upstream_socket;
  std::unique_ptr<LuaUpstream> upstream_service;
  std::unique_ptr<proxy::Listener> upstreams;
  std::string log_path;
  std::size_t log_taken = 0;
};

LoneWorker::LoneWorker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LoneWorker::~LoneWorker() = default;

base::Result<std::unique_ptr<LoneWorker>> LoneWorker::make(LoneWorkerOptions options) {
  auto zones = memory::Zones::create(options.zones);
  if (!zones) return std::unexpected(zones.error());
  auto parts = std::make_unique<Parts>(std::move(options), std::move(*zones));
  if (auto opened = parts->open(); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<LoneWorker>(new LoneWorker(std::move(parts)));
}

event::Loop& LoneWorker::loop() {
  return parts_->loop;
}

base::Result<base::Ref<lua::State>> LoneWorker::lua() {
  return parts_->registry->plugin_deps().shared<lua::Runtime>().state();
}

base::Status LoneWorker::reload_lua() {
  return parts_->reload();
}

base::Result<format::Json> LoneWorker::call(const std::string& module, const std::string& function,
                                            const format::Json& argument) {
  auto state = lua();
  if (!state) return std::unexpected(state.error());
  return parts_->run(lua::call(*state, module, function, argument));
}

}  // namespace apisix::worker
