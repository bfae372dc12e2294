#include "worker/config/service_table.h"

#include "worker/config/stored.h"

namespace apisix::config {

using format::find_member;
using resource::Kind;

base::Status ServiceTable::put(std::string_view id, const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  auto service = std::make_unique<ServiceObject>(Referrer{Kind::kService, std::string(id)});
  service->value = std::move(*value);
  service->upstream_id = text_of(find_member(service->value, "upstream_id"));
  service->create_revision = item.create_revision;
  service->mod_revision = item.mod_revision;
  auto plugins = plugins_.read_plugins(find_member(service->value, "plugins"), "/services/" + service->id,
                                       static_cast<std::uint64_t>(item.mod_revision));
  if (!plugins) return std::unexpected(plugins.error());
  service->plugins = std::move(*plugins);
  if (const format::Json& own = find_member(service->value, "upstream"); own.isObject()) {
    // What cannot be used (an unsupported scheme) leaves the slot empty: 502, as for a missing upstream.
    service->own_upstream = base::make_counted<UpstreamSlot>();
    if (auto made = upstreams_.make_slot(item.key, own)) {
      service->own_upstream = std::move(*made);
    } else {
      rejections_.reject(item, made.error().what);
    }
  }
  erase(id);
  references_.add(*service, Kind::kUpstream, service->upstream_id);
  keep(id, std::move(service));
  return {};
}

bool ServiceTable::erase(std::string_view id) {
  const ServiceObject* service = find(id);
  if (service == nullptr) return false;
  references_.remove(*service, Kind::kUpstream, service->upstream_id);
  drop(id);
  return true;
}

std::string ServiceTable::find_id(const std::function<bool(const format::Json&)>& matches) const {
  for (const auto& [id, service] : objects()) {
    if (matches(service->value)) return id;
  }
  return "";
}

}  // namespace apisix::config
