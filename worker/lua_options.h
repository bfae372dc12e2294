// What config.yaml says about Lua, for the room that runs it.
#pragma once

#include <string>

#include "shared/settings/settings.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::worker {

// Of the process that asks.
struct LuaProcess {
  std::string config_path;  // of config.yaml; empty: there is none
  std::string prefix;
  std::string instance_id;
  bool may_compile = true;
};

plugin::LuaSettings lua_settings(const settings::Settings& settings, const LuaProcess& process);

}  // namespace apisix::worker
