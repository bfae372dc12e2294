// The worker as a process, and the instance that it belongs to.
#include <malloc.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/version.h"
#include "worker/config/registry.h"
#include "worker/control/endpoints.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::control {

// APISIX runs Lua's collector. What there is to give back here are pages that the allocator keeps.
ResponseTask collect_garbage(const Call&) {
  ::malloc_trim(0);
  co_return proxy::LocalResponse{200, "text/plain", "", {}};
}

// Every worker reads the list of plugins, and their attributes, from config.yaml again.
ResponseTask reload_plugins(const Call& call) {
  if (const base::Status status = call.deps.reload_plugins(); !status) {
    base::log_error("cannot reload the plugins: {}", status.error().what);
    co_return proxy::error_response(503, "failed to reload plugins: " + status.error().what);
  }
  co_return proxy::LocalResponse{200, "text/plain", "done", {}};
}

// Of the plugin server-info: 404 unless it is enabled. {"id", "hostname", "version", "boot_time" (seconds),
// "etcd_version"}; the last is "unknown": the store is not asked.
ResponseTask server_info(const Call& call) {
  if (call.deps.registry.plugins().find("server-info") == nullptr) co_return proxy::page_response(404);
  char hostname[256] = {};
  ::gethostname(hostname, sizeof hostname - 1);
  format::Json out(::Json::objectValue);
  out["id"] = call.deps.instance_id;
  out["hostname"] = hostname;
  out["version"] = std::string(base::kCompatibleVersion);
  out["boot_time"] =
      static_cast<format::Json::UInt64>(call.deps.zones.status.master().started_at_ms.load() / 1000);
  out["etcd_version"] = "unknown";
  co_return proxy::json_response(200, out);
}

}  // namespace apisix::control
