// What config.yaml says about Lua, for the room that runs it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shared/base/counted.h"
#include "shared/format/json.h"

namespace apisix::store {
class Store;
}

namespace apisix::plugin {

class Plugin;
struct BuildContext;

struct LuaSettings {
  std::string path = {};         // apisix.extra_lua_path
  std::string cpath = {};        // apisix.extra_lua_cpath
  std::string module_hook = {};  // apisix.lua_module_hook: a module that is loaded before any other
  std::size_t memory_bytes_max = std::size_t{512} << 20;  // of one process; 0: no limit
  std::uint64_t cpu_limit_ms = 1'000;                     // of one run without a wait; 0: no limit
  int stuck_code = 1;                                     // the process's, when a run cannot be stopped
  bool compiles = true;                                   // lua.jit: to machine code, what comes from files
  // lua.override: plugins that the gateway has itself, and for which the user's file is taken.
  std::vector<std::string> override_native = {};
  // nginx_config.http.lua_shared_dict and custom_lua_shared_dict: name, bytes.
  std::map<std::string, std::int64_t> shared_dict_bytes = {};
  // Puts the text of a _meta.pre_function before the hooks of a plugin. Null: there is no Lua (in tests).
  base::Ref<Plugin> (*with_pre_function)(base::Ref<Plugin> plugin, const std::string& text,
                                         const format::Json& conf, const BuildContext& context) = nullptr;
  // nginx_config.max_pending_timers and max_running_timers, of one worker.
  std::size_t pending_timers_max = 16384;
  std::size_t running_timers_max = 4096;
  std::string instance_id = {};
  // The instance's folder, with conf/ and logs/: ngx.config.prefix(). Empty: Deps::prefix (in tests).
  std::string instance_folder = {};
  unsigned worker_count = 1;
  // config.yaml with its defaults, for core.config.local_conf(): read when it is first asked for.
  std::function<format::Json()> load_config = {};
  // Where the configuration is stored, for core.etcd; null only in tests that need none.
  store::Store* store = nullptr;
};

}  // namespace apisix::plugin
