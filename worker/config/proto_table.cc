#include "worker/config/proto_table.h"

#include <utility>

#include "shared/base/log.h"
#include "shared/format/proto.h"
#include "worker/config/stored.h"

namespace apisix::config {

base::Status ProtoTable::put(std::string_view id, const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  const format::Json& content = format::find_member(*value, "content");
  if (!content.isString()) return base::invalid("property \"content\" is required");
  Proto& proto = protos_[std::string(id)];
  proto.content = format::string_of(content);
  proto.is_current = false;
  return {};
}

void ProtoTable::erase(std::string_view id) {
  if (const auto found = protos_.find(id); found != protos_.end()) protos_.erase(found);
}

base::Result<base::Ref<const format::ProtoSchema>> ProtoTable::find(std::string_view id) {
  const auto found = protos_.find(id);
  if (found == protos_.end()) return base::invalid("failed to find proto by id: " + std::string(id));
  Proto& proto = found->second;
  if (!std::exchange(proto.is_current, true)) {
    auto compiled = format::compile_proto(proto.content);
    std::string().swap(proto.content);
    if (compiled) {
      proto.schema = *std::move(compiled);
    } else {
      proto.fault = compiled.error().what;
      base::log_error("proto {} does not compile: {}", id, proto.fault);
    }
  }
  if (!proto.schema) return base::invalid(proto.fault);
  return proto.schema;
}

}  // namespace apisix::config
