// What `apisix lua` runs: programs in Lua (worker/lua/prelude/gateway/tool), inside the gateway's own engine.
#pragma once

#include <string>
#include <vector>

#include "worker/lone_worker.h"

namespace apisix::worker {

enum class LuaTool : unsigned char { kCheck, kTest, kTypes, kRepl };

struct LuaToolCall {
  LuaTool tool = LuaTool::kCheck;
  std::vector<std::string> paths = {};
  bool as_json = false;
  std::string junit = {};   // kTest: the file to write; empty: none
  std::string filter = {};  // kTest: only tests whose names have it
  // Of config.yaml, before add_lua_folders().
  std::string configured_path = {};
  std::vector<std::string> configured_plugins = {};
};

// The files below `paths` can be required, as if extra_lua_path named their folders, and the plugins among
// them are enabled: "/a" where there is /a/apisix/plugins, also for "/a/tests" and "/a/apisix/plugins/x.lua".
void add_lua_folders(settings::Settings& settings, const std::vector<std::string>& paths);

// What it says is printed. The error: it could not run at all. false: it found something wrong.
base::Result<bool> run_lua_tool(LoneWorkerOptions options, const LuaToolCall& call);

}  // namespace apisix::worker
