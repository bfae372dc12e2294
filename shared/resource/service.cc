#include "shared/resource/service.h"

#include "shared/base/host_name.h"
#include "shared/resource/fields.h"

namespace apisix::resource {

base::Result<Service> parse_service(Json json) {
  if (!json.isObject()) return base::invalid("service: expected an object");
  Service service;
  service.id = id_field(json, "id");
  service.name = text_field(json, "name");
  service.hosts = texts_field(json, "hosts");
  for (std::string& host : service.hosts) host = base::comparable_host(host);
  service.upstream_id = id_field(json, "upstream_id");
  service.script = text_field(json, "script");
  service.enable_websocket = bool_field(json, "enable_websocket");
  service.plugins = take_field(json, "plugins");
  if (auto upstream_json = take_field(json, "upstream")) {
    auto upstream = parse_upstream(std::move(*upstream_json));
    if (!upstream) return base::invalid("service: " + upstream.error().what);
    service.upstream = std::make_unique<Upstream>(std::move(*upstream));
  }
  return service;
}

}  // namespace apisix::resource
