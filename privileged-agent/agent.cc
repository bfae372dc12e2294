#include "privileged-agent/agent.h"

#include <memory>
#include <random>

#include <sys/resource.h>
#include <unistd.h>

#include "privileged-agent/jobs/health_prober.h"
#include "privileged-agent/jobs/lua_watch.h"
#include "privileged-agent/jobs/metric_expiry.h"
#include "privileged-agent/jobs/metrics_endpoint.h"
#include "privileged-agent/jobs/snapshot.h"
#include "privileged-agent/jobs/status_endpoint.h"
#include "privileged-agent/jobs/store_metrics.h"
#include "privileged-agent/jobs/traffic_sweeper.h"
#include "privileged-agent/priority.h"
#include "shared/base/log.h"
#include "shared/base/random.h"
#include "shared/channel/heartbeat.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"
#include "shared/resolve/configured.h"
#include "shared/settings/load.h"
#include "shared/store/open_store.h"

namespace apisix::agent {
namespace {

std::size_t open_files_max() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? 1'000'000 : static_cast<std::size_t>(limit.rlim_cur);
}

// A scraper that has not read its export by then is cut off.
constexpr std::uint64_t kDrainLimitMs = 5'000;

// The jobs and what they share. What cannot be started is logged: the agent has other things to do.
class Agent {
 public:
  explicit Agent(channel::AgentContext&& context)
      : context_(std::move(context)),
        channel_(std::move(context_.channel)),
        metrics_(loop_, context_),
        metric_expiry_(loop_, context_.zones.metrics,
                       format::find_member(context_.settings.plugin_attr, "prometheus"),
                       context_.settings.prometheus.metric_prefix),
        status_(loop_, context_),
        traffic_(loop_, context_.zones.traffic) {}

  int run() {
    channel_.start(
        loop_, [this](const channel::Message& message) { on_message(message); }, [this] { loop_.stop(); });
    start_jobs();
    if (!channel_.send(channel::MessageKind::kReady)) return 1;
    loop_.run();
    return 0;
  }

 private:
  void on_message(const channel::Message& message) {
    switch (message.kind) {
      case channel::MessageKind::kReopenLogs:
        if (auto done = base::reopen_error_log(); !done) base::log_error("{}", done.error().what);
        break;
      case channel::MessageKind::kQuit:
        drain();
        break;
      case channel::MessageKind::kStop:
        loop_.stop();
        break;
      case channel::MessageKind::kServe:
        metrics_.serve();
        status_.serve();
        break;
      case channel::MessageKind::kReloadPlugins:
        reload_plugins();
        break;
      case channel::MessageKind::kCover:
      case channel::MessageKind::kUncover:
        break;  // it has no clients
      case channel::MessageKind::kReady:
      case channel::MessageKind::kFailed:
        break;  // never sent by the master
    }
  }

  // What was asked for is responded to in full. All else is the next generation's work from now on.
  void drain() {
    lua_watch_.reset();
    health_.reset();
    store_metrics_.reset();
    snapshot_.reset();
    const auto stop_if_idle = [this] {
      if (metrics_.server().is_idle() && status_.server().is_idle()) loop_.stop();
    };
    metrics_.server().drain(stop_if_idle);
    status_.server().drain(stop_if_idle);
    drain_limit_.set_after_ms(kDrainLimitMs);
    stop_if_idle();
  }

  // The addresses of the servers, and the names of what is counted, are those of the start.
  void reload_plugins() {
    const auto loaded =
        settings::load_settings({.config_path = context_.config_path, .prefix = context_.prefix});
    if (!loaded) return base::log_error("cannot reload the plugins: {}", loaded.error().what);
    metrics_.set_export_uri(loaded->settings.prometheus.export_uri);
    metric_expiry_.set(format::find_member(loaded->settings.plugin_attr, "prometheus"));
  }

  void start_jobs() {
    if (context_.settings.lua.watch) start_lua_watch();
    auto store = store::open_store(loop_, context_.settings, context_.prefix,
                                   {context_.store.device, context_.store.inode, context_.store.is_checked});
    if (!store) {
      base::log_error("the agent does nothing that needs the configuration: {}", store.error().what);
      return;
    }
    store_ = std::move(*store);
    snapshot_ = Snapshot::start(loop_, *store_, context_.settings, context_.prefix);
    store_metrics_ = StoreMetrics::start(loop_, *store_, context_);
    if (context_.settings.apisix.disable_upstream_healthcheck) {
      base::log_info("healthchecker won't be created: disabled upstream healthcheck");
    } else {
      start_health_checks();
    }
  }

  void start_lua_watch() {
    lua_watch_ = std::make_unique<LuaWatch>(
        loop_, folders_of_path(context_.settings.apisix.extra_lua_path), [this](const std::string& file) {
          base::log_notice("lua.watch: {} has changed: Lua is loaded anew", file);
          if (auto sent = channel_.send(channel::MessageKind::kReloadPlugins); !sent)
            base::log_error("lua.watch: {}", sent.error().what);
        });
    if (auto started = lua_watch_->start(); !started) {
      base::log_error("lua.watch: {}", started.error().what);
      lua_watch_.reset();
    }
  }

  void start_health_checks() {
    auto config = resolve::configured_resolver(context_.settings);
    auto resolver =
        config ? resolve::make_resolver(loop_, random_, std::move(*config)) : std::unexpected(config.error());
    if (!resolver) {
      base::log_error("no health checks: {}", resolver.error().what);
      return;
    }
    resolver_ = std::move(*resolver);
    HealthProber::Options options;
    options.store_prefix = context_.settings.deployment.etcd.prefix;
    options.agent = std::uint64_t{context_.generation} << 32 | static_cast<std::uint32_t>(::getpid());
    options.kept_max = open_files_max() / 2;
    if (auto trusted = settings::trusted_certificate_path(context_.settings)) options.trusted_file = *trusted;
    options.keyring = base::Keyring(context_.settings.apisix.data_encryption.keyring);
    health_ = std::make_unique<HealthProber>(loop_, *store_, context_.zones.health, *resolver_, random_,
                                             std::move(options));
  }

  event::Loop loop_;
  channel::AgentContext context_;
  channel::ChildEnd channel_;
  channel::Heartbeat heartbeat_{loop_, context_.slot};
  event::Timer drain_limit_{loop_.timers(), [](void* loop) { static_cast<event::Loop*>(loop)->stop(); },
                            &loop_};
  MetricsEndpoint metrics_;
  MetricExpiry metric_expiry_;
  StatusEndpoint status_;
  TrafficSweeper traffic_;
  base::Random random_{std::random_device{}()};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<resolve::Resolver> resolver_;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<StoreMetrics> store_metrics_;
  std::unique_ptr<HealthProber> health_;
  std::unique_ptr<LuaWatch> lua_watch_;
};

}  // namespace

int agent_main(channel::AgentContext&& context) {
  if (!give_way_to_workers())
    base::log_info("the agent has the priority of a worker: the kernel keeps it so");
  return Agent(std::move(context)).run();
}

}  // namespace apisix::agent
