// apisix routes, services, upstreams, consumers ... [ID]: what is configured, read from the store of this
// prefix; the gateway need not run. --json prints the stored objects as they are.
#include <cstdio>
#include <string>
#include <vector>

#include "master/document.h"
#include "master/running.h"
#include "master/view/object_columns.h"
#include "master/view/terminal.h"
#include "shared/base/check.h"
#include "shared/format/json.h"
#include "shared/settings/config_path.h"
#include "shared/store/etcd_once.h"
#include "shared/store/file_store.h"
#include "shared/store/local_store.h"

namespace apisix::master {
namespace {

base::Result<store::ListReply> read_store(const Setup& setup, const std::string& prefix) {
  if (const auto document = document_of(setup)) return store::FileStore::read_once(*document, prefix);
  if (settings::takes_pushed_configuration(setup.settings)) {
    return store::LocalStore::read_once(settings::pushed_store_path(setup.prefix), prefix);
  }
  if (setup.settings.deployment.provider == settings::Provider::kLocal) {
    return store::LocalStore::read_once(setup.prefix + "/data/store.mdb", prefix);
  }
  auto etcd = store::EtcdOnce::open(setup.settings);
  return etcd ? etcd->list(prefix) : std::unexpected(etcd.error());
}

// Below consumers/ are their credentials too; of other kinds only secrets have a folder more.
bool is_of_kind(std::string_view id, std::string_view folder) {
  return !id.empty() && (folder != "consumers" || !id.contains('/'));
}

base::Result<std::vector<StoredObject>> read_objects(const Setup& setup, const std::string& folder,
                                                     const std::string& id) {
  const std::string prefix = setup.settings.deployment.etcd.prefix + "/" + folder + "/";
  auto list = read_store(setup, prefix);
  if (!list) return std::unexpected(list.error());
  std::vector<StoredObject> objects;
  for (const store::Item& item : list->items) {
    // The folder itself is APISIX's sign that it is there.
    const std::string mine = item.key.substr(prefix.size());
    if (!is_of_kind(mine, folder) || (!id.empty() && mine != id)) continue;
    if (auto value = format::parse_json(item.value)) objects.push_back({mine, std::move(*value)});
  }
  if (!id.empty() && objects.empty()) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                      "no such object: " + folder + "/" + id);
  }
  return objects;
}

}  // namespace

int run_list(const Invocation& in) {
  const ObjectKind* const kind = find_object_kind(in.action);
  CHECK(kind != nullptr);
  const auto path = current_config(in);
  const auto setup = path ? check_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) return failed(setup.error());
  const auto objects = read_objects(*setup, in.action, in.arguments.empty() ? "" : in.arguments.front());
  if (!objects) return failed(objects.error());
  if (in.as_json) {
    format::Json list(::Json::arrayValue);
    for (const StoredObject& object : *objects) list.append(object.value);
    std::puts(format::to_json(list).c_str());
  } else {
    print(table_of(*kind, *objects).lines(output_style()));
  }
  return kExitDone;
}

}  // namespace apisix::master
