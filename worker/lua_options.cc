#include "worker/lua_options.h"

#include "shared/channel/child_context.h"
#include "shared/settings/cores.h"
#include "shared/settings/load.h"
#include "worker/lua/pre_function.h"

namespace apisix::worker {

plugin::LuaSettings lua_settings(const settings::Settings& settings, const LuaProcess& process) {
  const settings::LoadOptions file{.config_path = process.config_path, .prefix = process.prefix};
  return {.path = settings.apisix.extra_lua_path,
          .cpath = settings.apisix.extra_lua_cpath,
          .module_hook = settings.apisix.lua_module_hook,
          .memory_bytes_max = static_cast<std::size_t>(settings.lua.memory_limit_bytes),
          .cpu_limit_ms = static_cast<std::uint64_t>(settings.lua.cpu_limit_ms),
          .stuck_code = channel::kExitLuaStuck,
          .compiles = settings.lua.jit && process.may_compile,
          .override_native = settings.lua.override_native,
          .shared_dict_bytes = settings.nginx_config.http.lua_shared_dict_bytes,
          .with_pre_function = &lua::with_pre_function,
          .pending_timers_max = static_cast<std::size_t>(settings.nginx_config.max_pending_timers),
          .running_timers_max = static_cast<std::size_t>(settings.nginx_config.max_running_timers),
          .instance_id = process.instance_id,
          .instance_folder = process.prefix,
          .worker_count = static_cast<unsigned>(settings::worker_count(settings)),
          .load_config = [file] {
            auto loaded = settings::load_settings(file);
            return loaded ? std::move(loaded->merged) : format::Json(::Json::objectValue);
          }};
}

}  // namespace apisix::worker
