// The worker as a process, and the instance that it belongs to.
#include <malloc.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/version.h"
#include "worker/control/endpoints.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::control {

// APISIX runs Lua's collector. What there is to give back here are pages that the allocator keeps.
Reply collect_garbage(const Call&) {
  ::malloc_trim(0);
  co_return proxy::LocalAnswer{200, "text/plain", "", {}};
}

// Every worker reads the list of plugins, and their attributes, from config.yaml again.
Reply reload_plugins(const Call& call) {
  if (const base::Status status = call.world.reload_plugins(); !status) {
    base::log_error("cannot reload the plugins: {}", status.error().what);
    co_return proxy::error_answer(503, "failed to reload plugins: " + status.error().what);
  }
  co_return proxy::LocalAnswer{200, "text/plain", "done", {}};
}

// Of the plugin server-info: 404 unless it is enabled. {"id", "hostname", "version", "boot_time" (seconds),
// "etcd_version"}; the last is "unknown": the store is not asked.
Reply server_info(const Call& call) {
  if (call.world.registry.plugins().find("server-info") == nullptr) co_return proxy::page_answer(404);
  char hostname[256] = {};
  ::gethostname(hostname, sizeof hostname - 1);
  format::Json out(::Json::objectValue);
  out["id"] = call.world.instance_id;
  out["hostname"] = hostname;
  out["version"] = std::string(base::kCompatibleVersion);
  out["boot_time"] =
      static_cast<format::Json::UInt64>(call.world.zones.status.master().started_at_ms.load() / 1000);
  out["etcd_version"] = "unknown";
  co_return proxy::json_answer(200, out);
}

}  // namespace apisix::control
