#include "worker/plugin/chain_links.h"

#include "worker/secret/secret_cache.h"

namespace apisix::plugin {

bool runs_before(const PluginConf& a, const PluginConf& b) {
  if (a.priority() != b.priority()) return a.priority() > b.priority();
  return a.kind().info().name < b.kind().info().name;
}

void ChainSecrets::refresh(const PluginConfs& confs, secret::SecretCache& secrets) {
  for (const auto& [name, conf] : confs) {
    if (!conf->has_secrets()) continue;
    conf->refresh(secrets);
    secrets_ = &secrets;
    version_ = secrets.version();
    is_pending_ |= conf->is_pending();
  }
}

bool ChainSecrets::is_old() const {
  return version_ != secrets_->version();
}

void ChainSecrets::note_unchanged() const {
  version_ = secrets_->version();
}

}  // namespace apisix::plugin
