#include "shared/store/etcd_open.h"

#include <algorithm>

#include "shared/settings/load.h"
#include "shared/store/etcd_store.h"

namespace apisix::store {
base::Result<EtcdOptions> etcd_options(const settings::Settings& settings) {
  const auto& etcd = settings.deployment.etcd;
  EtcdOptions out;
  out.hosts = etcd.host;
  out.prefix = etcd.prefix;
  out.user = etcd.user;
  out.password = etcd.password;
  out.tls = {
      .ca = {}, .cert = etcd.tls.cert, .key = etcd.tls.key, .sni = etcd.tls.sni, .verify = etcd.tls.verify};
  out.timeout_ms = static_cast<std::uint64_t>(etcd.timeout_ms);
  out.watch_timeout_ms = static_cast<std::uint64_t>(etcd.watch_timeout_ms);
  out.resync_delay_ms = static_cast<std::uint64_t>(etcd.resync_delay_ms);
  out.health_check_timeout_ms = static_cast<std::uint64_t>(etcd.health_check_timeout_ms);
  const bool speaks_tls =
      std::ranges::any_of(out.hosts, [](const auto& host) { return host.starts_with("https:"); });
  if (!speaks_tls || !out.tls.verify) return out;
  auto ca = settings::trusted_certificate_path(settings);
  if (!ca) return std::unexpected(ca.error());
  out.tls.ca = std::move(*ca);
  return out;
}

base::Result<std::unique_ptr<Store>> open_etcd(event::Loop& loop, const settings::Settings& settings) {
  const auto options = etcd_options(settings);
  if (!options) return std::unexpected(options.error());
  return EtcdStore::open(loop, *options);
}

}  // namespace apisix::store
