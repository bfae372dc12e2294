#include "worker/admin/stamp.h"

namespace apisix::admin {

using format::find_member;
using format::Json;

void stamp(Json& value, std::int64_t now, const Json* previous) {
  if (find_member(value, "create_time").isNull()) {
    const Json& before = previous != nullptr ? find_member(*previous, "create_time") : Json::nullSingleton();
    value["create_time"] = before.isNull() ? Json(static_cast<Json::Int64>(now)) : before;
  }
  if (find_member(value, "update_time").isNull()) value["update_time"] = static_cast<Json::Int64>(now);
}

}  // namespace apisix::admin
