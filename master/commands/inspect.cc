// apisix routes|services|upstreams [ID]: what is configured, read from the store of this prefix; the gateway
// need not run. --json prints the stored objects as they are.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "master/document.h"
#include "master/running.h"
#include "shared/format/json.h"
#include "shared/settings/config_path.h"
#include "shared/store/etcd_once.h"
#include "shared/store/file_store.h"
#include "shared/store/local_store.h"

namespace apisix::master {
namespace {

using format::find_member;
using format::Json;

std::string text_of(const Json& value) {
  if (value.isNull()) return "";
  if (value.isString()) return value.asString();
  if (!value.isArray()) return format::to_json(value);
  std::string out;
  for (const Json& element : value) out += (out.empty() ? "" : ",") + text_of(element);
  return out;
}

std::string either(const Json& object, const char* one, const char* many) {
  const Json& value = find_member(object, many);
  return text_of(value.isNull() ? find_member(object, one) : value);
}

std::string upstream_of(const Json& object) {
  const Json& id = find_member(object, "upstream_id");
  if (!id.isNull()) return "upstream " + text_of(id);
  return text_of(find_member(find_member(object, "upstream"), "nodes"));
}

// One column of a table, and how it is read from an object.
struct Column {
  const char* title;
  std::string (*read)(const Json& object);
};

using Columns = std::vector<Column>;

const Columns& route_columns() {
  static const Columns columns = {
      {"ID", [](const Json& o) { return text_of(find_member(o, "id")); }},
      {"NAME", [](const Json& o) { return text_of(find_member(o, "name")); }},
      {"URI", [](const Json& o) { return either(o, "uri", "uris"); }},
      {"HOST", [](const Json& o) { return either(o, "host", "hosts"); }},
      {"METHODS", [](const Json& o) { return text_of(find_member(o, "methods")); }},
      {"SERVICE", [](const Json& o) { return text_of(find_member(o, "service_id")); }},
      {"UPSTREAM", upstream_of},
  };
  return columns;
}

const Columns& service_columns() {
  static const Columns columns = {
      {"ID", [](const Json& o) { return text_of(find_member(o, "id")); }},
      {"NAME", [](const Json& o) { return text_of(find_member(o, "name")); }},
      {"HOSTS", [](const Json& o) { return text_of(find_member(o, "hosts")); }},
      {"UPSTREAM", upstream_of},
  };
  return columns;
}

const Columns& upstream_columns() {
  static const Columns columns = {
      {"ID", [](const Json& o) { return text_of(find_member(o, "id")); }},
      {"NAME", [](const Json& o) { return text_of(find_member(o, "name")); }},
      {"TYPE",
       [](const Json& o) {
         const std::string type = text_of(find_member(o, "type"));
         return type.empty() ? std::string("roundrobin") : type;
       }},
      {"NODES", [](const Json& o) { return text_of(find_member(o, "nodes")); }},
  };
  return columns;
}

void print_table(const Columns& columns, const std::vector<Json>& objects) {
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns) rows[0].push_back(column.title);
  for (const Json& object : objects) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const Column& column : columns) row.push_back(column.read(object));
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = row[i].empty() ? "-" : row[i];
      line += i + 1 < row.size()
                  ? cell + std::string(widths[i] + 2 - std::min(cell.size(), widths[i] + 1), ' ')
                  : cell;
    }
    std::puts(line.c_str());
  }
}

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

base::Result<std::vector<Json>> read_objects(const Setup& setup, const std::string& folder,
                                             const std::string& id) {
  const std::string prefix = setup.settings.deployment.etcd.prefix + "/" + folder + "/";
  auto list = read_store(setup, prefix);
  if (!list) return std::unexpected(list.error());
  std::vector<Json> objects;
  for (const store::Item& item : list->items) {
    if (item.key == prefix) continue;  // APISIX's sign that the folder is there
    if (!id.empty() && item.key != prefix + id) continue;
    if (auto value = format::parse_json(item.value)) objects.push_back(std::move(*value));
  }
  if (!id.empty() && objects.empty()) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                      "no such object: " + folder + "/" + id);
  }
  return objects;
}

int inspect(const Invocation& in, const std::string& folder, const Columns& columns) {
  const auto path = current_config(in);
  const auto setup = path ? check_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) return failed(setup.error());
  const auto objects = read_objects(*setup, folder, in.arguments.empty() ? "" : in.arguments.front());
  if (!objects) return failed(objects.error());
  if (in.as_json) {
    Json list(::Json::arrayValue);
    for (const Json& object : *objects) list.append(object);
    std::puts(format::to_json(list).c_str());
  } else {
    print_table(columns, *objects);
  }
  return kExitDone;
}

}  // namespace

int run_routes(const Invocation& in) {
  return inspect(in, "routes", route_columns());
}
int run_services(const Invocation& in) {
  return inspect(in, "services", service_columns());
}
int run_upstreams(const Invocation& in) {
  return inspect(in, "upstreams", upstream_columns());
}

}  // namespace apisix::master
