#include "shared/inspect/health_node.h"

#include <string>

namespace apisix::inspect {

format::Json health_node(const memory::HealthTable::Target& node) {
  format::Json out(::Json::objectValue);
  out["ip"] = node.ip.to_string();
  out["port"] = node.port;
  out["hostname"] = node.hostname;
  out["status"] = std::string(memory::name_of(node.state.status));
  format::Json& counter = out["counter"] = format::Json(::Json::objectValue);
  counter["success"] = node.state.success;
  counter["http_failure"] = node.state.http_failure;
  counter["tcp_failure"] = node.state.tcp_failure;
  counter["timeout_failure"] = node.state.timeout_failure;
  return out;
}

}  // namespace apisix::inspect
