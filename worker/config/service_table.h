// ServiceTable: the stored services: what their routes inherit of them. Owned by Registry.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/format/json.h"
#include "worker/config/object_table.h"
#include "worker/config/plugin_directory.h"
#include "worker/config/references.h"
#include "worker/config/rejections.h"
#include "worker/config/upstream_table.h"

namespace apisix::config {

struct ServiceObject : Referrer {
  format::Json value;
  std::string upstream_id;  // "": none
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
  base::Ref<UpstreamSlot> own_upstream;  // of the upstream inside the service
  base::Ref<const SharedPlugins> plugins;

  std::string text() const { return format::to_json(value); }
};

class ServiceTable final : public TableOf<ServiceObject> {
 public:
  ServiceTable(UpstreamTable& upstreams, PluginDirectory& plugins, References& references,
               Rejections& rejections)
      : upstreams_(upstreams), plugins_(plugins), references_(references), rejections_(rejections) {}

  base::Status put(std::string_view id, const store::Item& item);
  // False: there was none.
  bool erase(std::string_view id);
  // The id of the first that `matches`; "" when there is none. Reads through all of them.
  std::string find_id(const std::function<bool(const format::Json&)>& matches) const;

 private:
  UpstreamTable& upstreams_;
  PluginDirectory& plugins_;
  References& references_;
  Rejections& rejections_;
};

}  // namespace apisix::config
