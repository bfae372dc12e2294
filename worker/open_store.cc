#include "worker/open_store.h"

#include "shared/settings/config_path.h"
#include "shared/settings/settings.h"
#include "shared/store/etcd_open.h"
#include "shared/store/file_store.h"
#include "shared/store/local_store.h"

namespace apisix::worker {
namespace {

using Opened = base::Result<std::unique_ptr<store::Store>>;

Opened open_local(event::Loop& loop, const std::string& path) {
  auto store = store::LocalStore::open(loop, {.path = path, .owner = {}});
  if (!store) return std::unexpected(store.error());
  return std::unique_ptr<store::Store>(std::move(*store));
}

Opened open_file(event::Loop& loop, const channel::WorkerContext& context) {
  const bool is_yaml = context.settings.deployment.provider == settings::Provider::kYaml;
  const char* const extension = is_yaml ? "yaml" : "json";
  store::FileStoreOptions options;
  options.path = settings::profile_path(context.prefix, "apisix", extension, settings::own_environment);
  options.format = is_yaml ? resource::DocumentFormat::kYaml : resource::DocumentFormat::kJson;
  options.prefix = context.settings.deployment.etcd.prefix;
  options.last_good_path = settings::last_good_path(context.prefix, extension);
  return std::make_unique<store::FileStore>(loop, std::move(options));
}

}  // namespace

Opened open_store(event::Loop& loop, const channel::WorkerContext& context) {
  switch (context.settings.deployment.provider) {
    case settings::Provider::kLocal:
      return open_local(loop, context.prefix + "/data/store.mdb");
    case settings::Provider::kYaml:
    case settings::Provider::kJson:
      if (settings::takes_pushed_configuration(context.settings))
        return open_local(loop, settings::pushed_store_path(context.prefix));
      return open_file(loop, context);
    case settings::Provider::kEtcd:
      break;
  }
  return store::open_etcd(loop, context.settings);
}

}  // namespace apisix::worker
