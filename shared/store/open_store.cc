#include "shared/store/open_store.h"

#include "shared/settings/config_path.h"
#include "shared/settings/settings.h"
#include "shared/store/etcd_open.h"
#include "shared/store/file_store.h"
#include "shared/store/local_store.h"

namespace apisix::store {
namespace {

using Opened = base::Result<std::unique_ptr<Store>>;

Opened open_local(event::Loop& loop, const std::string& path) {
  auto store = LocalStore::open(loop, {.path = path, .owner = {}});
  if (!store) return std::unexpected(store.error());
  return std::unique_ptr<Store>(std::move(*store));
}

Opened open_file(event::Loop& loop, const settings::Settings& settings, const std::string& prefix) {
  const bool is_yaml = settings.deployment.provider == settings::Provider::kYaml;
  const char* const extension = is_yaml ? "yaml" : "json";
  FileStoreOptions options;
  options.path = settings::profile_path(prefix, "apisix", extension, settings::own_environment);
  options.format = is_yaml ? resource::DocumentFormat::kYaml : resource::DocumentFormat::kJson;
  options.prefix = settings.deployment.etcd.prefix;
  options.last_good_path = settings::last_good_path(prefix, extension);
  return std::make_unique<FileStore>(loop, std::move(options));
}

}  // namespace

Opened open_store(event::Loop& loop, const settings::Settings& settings, const std::string& prefix) {
  switch (settings.deployment.provider) {
    case settings::Provider::kLocal:
      return open_local(loop, prefix + "/data/store.mdb");
    case settings::Provider::kYaml:
    case settings::Provider::kJson:
      if (settings::takes_pushed_configuration(settings))
        return open_local(loop, settings::pushed_store_path(prefix));
      return open_file(loop, settings, prefix);
    case settings::Provider::kEtcd:
      break;
  }
  return open_etcd(loop, settings);
}

}  // namespace apisix::store
