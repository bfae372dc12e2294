// What the store holds and this worker does not serve with: values that were refused. Their last good values,
// where there were any, are still in force.
#include "shared/settings/shown_key.h"
#include "worker/config/registry.h"
#include "worker/control/endpoints.h"

namespace apisix::control {

using format::Json;

// {"total": N, "list": [{"key", "modifiedIndex", "reason"}]}. `total` counts refusals since this worker
// started; the list holds what is refused now, at most config::Registry's limit of them.
ResponseTask rejected(const Call& call) {
  const config::Registry& registry = call.deps.registry;
  Json out(::Json::objectValue);
  out["total"] = static_cast<Json::UInt64>(registry.rejections().total());
  Json& list = out["list"] = Json(::Json::arrayValue);
  for (const auto& [key, rejection] : registry.rejections().listed()) {
    Json row(::Json::objectValue);
    row["key"] =
        std::string(settings::shown_key(rejection.key, settings::hidden_key_prefix(call.deps.settings)));
    row["modifiedIndex"] = static_cast<Json::Int64>(rejection.revision);
    row["reason"] = rejection.reason;
    list.append(std::move(row));
  }
  co_return proxy::json_response(200, out);
}

}  // namespace apisix::control
