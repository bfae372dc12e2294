// What config.yaml says about Lua, for the room that runs it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "shared/format/json.h"

namespace apisix::plugin {

struct LuaSettings {
  std::string path = {};         // apisix.extra_lua_path
  std::string cpath = {};        // apisix.extra_lua_cpath
  std::string module_hook = {};  // apisix.lua_module_hook: a module that is loaded before any other
  std::size_t memory_bytes_max = std::size_t{512} << 20;  // of one process; 0: no limit
  std::uint64_t cpu_limit_ms = 1'000;                     // of one run without a wait; 0: no limit
  // nginx_config.http.lua_shared_dict and custom_lua_shared_dict: name, bytes.
  std::map<std::string, std::int64_t> shared_dict_bytes = {};
  std::string instance_id = {};
  unsigned worker_count = 1;
  // config.yaml with its defaults, for core.config.local_conf(): read when it is first asked for.
  std::function<format::Json()> load_config = {};
};

}  // namespace apisix::plugin
