// apisix init_etcd: looks whether the etcd of config.yaml can be used, and writes APISIX's signs of its
// folders. This gateway needs neither: it is for etcds that APISIX uses too. Texts and exit codes are
// APISIX's.
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "master/running.h"
#include "shared/base/text.h"
#include "shared/store/etcd_once.h"

namespace apisix::master {
namespace {

constexpr std::uint64_t kEtcdTimeoutMs = 3'000;
constexpr std::string_view kVersionMin = "3.4.0";
// Its value is no JSON, so that no reader takes it for an object.
constexpr const char* kFolderValue = "init_dir";
constexpr std::array kFolders = {"routes",          "services", "upstreams",       "consumers",
                                 "consumer_groups", "ssls",     "protos",          "global_rules",
                                 "plugin_configs",  "plugins",  "plugin_metadata", "secrets",
                                 "stream_routes"};

// "3.4.23" and "3.5.0-pre" as three numbers; what is no number is 0.
std::array<int, 3> version_numbers(std::string_view version) {
  std::array<int, 3> out{};
  const auto parts = base::split(version.substr(0, version.find('-')), '.');
  for (std::size_t i = 0; i < out.size() && i < parts.size(); ++i)
    out[i] = base::parse_integer<int>(parts[i]).value_or(0);
  return out;
}

base::Error fault(std::string what) {
  return {base::ErrorCode::kUnavailable, base::ErrorSource::kStore, false, std::move(what)};
}

void warn_of_mixed_schemes(const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts) {
    if (host.starts_with("https:") == hosts.front().starts_with("https:")) continue;
    std::puts("WARNING: mixed protocols among etcd endpoints");
    return;
  }
}

// Asks one endpoint, `retries` times.
base::Result<std::string> ask_version(store::EtcdOnce& etcd, std::size_t index, const std::string& host,
                                      std::int64_t retries) {
  base::Result<std::string> version = std::unexpected(fault("startup_retry is 0: nobody was asked"));
  for (std::int64_t retry = 1; retry <= retries; ++retry) {
    version = etcd.version_of(index, kEtcdTimeoutMs);
    if (version) return version;
    std::printf("Warning! Request etcd endpoint '%s' error, %s, retry time=%lld\n", host.c_str(),
                version.error().what.c_str(), static_cast<long long>(retry));
  }
  std::fprintf(stderr, "request etcd endpoint '%s' error, %s\n", host.c_str(), version.error().what.c_str());
  return version;
}

base::Status check_members(store::EtcdOnce& etcd, const settings::Deployment::Etcd& config) {
  std::size_t healthy = 0;
  for (std::size_t i = 0; i < config.host.size(); ++i) {
    const auto version = ask_version(etcd, i, config.host[i], config.startup_retry);
    if (!version) continue;
    if (version_numbers(*version) < version_numbers(kVersionMin)) {
      return std::unexpected(fault(
          fmt::format("etcd cluster version {} is less than the required version {}, please upgrade your "
                      "etcd cluster",
                      *version, kVersionMin)));
    }
    ++healthy;
  }
  if (healthy == 0) return std::unexpected(fault("all etcd nodes are unavailable"));
  if (healthy * 2 <= config.host.size())
    return std::unexpected(fault("the etcd cluster needs at least 50% and above healthy nodes"));
  return {};
}

// A cluster that lost its leader a moment ago takes no writes until it has another.
base::Status write_folders(store::EtcdOnce& etcd, const std::string& prefix, std::int64_t retries) {
  store::Txn txn;
  for (const char* folder : kFolders)
    txn.writes.emplace_back(store::Put{fmt::format("{}/{}/", prefix, folder), kFolderValue});
  auto done = etcd.txn(txn);
  for (std::int64_t retry = 1; !done && retry < retries; ++retry) done = etcd.txn(txn);
  if (!done) return std::unexpected(fault("none of the configured etcd works well: " + done.error().what));
  return {};
}

base::Status init_etcd(const Setup& setup, bool verbose) {
  const settings::Deployment& deployment = setup.settings.deployment;
  if (deployment.provider != settings::Provider::kEtcd) return {};
  warn_of_mixed_schemes(deployment.etcd.host);
  auto etcd = store::EtcdOnce::open(setup.settings);
  if (!etcd) return std::unexpected(etcd.error());
  if (auto checked = check_members(*etcd, deployment.etcd); !checked) return checked;
  if (deployment.role == settings::Role::kDataPlane) {
    std::puts("access from the data plane to etcd should be read-only, skip initializing the data of etcd");
    return {};
  }
  std::puts("trying to initialize the data of etcd");
  if (auto written = write_folders(*etcd, deployment.etcd.prefix, deployment.etcd.startup_retry); !written)
    return written;
  if (verbose) std::printf("wrote %zu folders below %s\n", kFolders.size(), deployment.etcd.prefix.c_str());
  return {};
}

}  // namespace

int run_init_etcd(const Invocation& in) {
  const auto path = current_config(in);
  const auto setup = path ? check_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) return failed(setup.error());
  const auto done = init_etcd(*setup, in.verbose);
  return done ? kExitDone : failed(done.error());
}

}  // namespace apisix::master
