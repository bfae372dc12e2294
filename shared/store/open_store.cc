#include "shared/store/open_store.h"

#include "shared/settings/config_path.h"
#include "shared/settings/settings.h"
#include "shared/store/etcd_open.h"
#include "shared/store/file_store.h"
#include "shared/store/local_store.h"

namespace apisix::store {
namespace {

using Opened = base::Result<std::unique_ptr<Store>>;

Opened open_local(event::Loop& loop, const std::string& path, const SharedFile& file) {
  LocalStoreOptions options;
  options.path = path;
  if (file.inode != 0) {
    options.opening = file.is_checked ? Opening::kJoinChecked : Opening::kJoin;
    options.expected = StoreFileId{file.device, file.inode};
  }
  auto store = LocalStore::open(loop, options);
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

std::optional<std::string> local_store_path(const settings::Settings& settings, const std::string& prefix) {
  if (settings.deployment.provider == settings::Provider::kLocal) return prefix + "/data/store.mdb";
  if (settings::takes_pushed_configuration(settings)) return settings::pushed_store_path(prefix);
  return std::nullopt;
}

Opened open_store(event::Loop& loop, const settings::Settings& settings, const std::string& prefix,
                  const SharedFile& file) {
  if (const auto path = local_store_path(settings, prefix)) return open_local(loop, *path, file);
  if (settings.deployment.provider == settings::Provider::kEtcd) return open_etcd(loop, settings);
  return open_file(loop, settings, prefix);
}

}  // namespace apisix::store
