// The process: ngx.worker, ngx.config, and the modules ngx.process and ngx.errlog.
#include <string>

#include <unistd.h>

#include "shared/base/log.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/timers.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::lua {
namespace {

// What plugins compare: the versions of OpenResty that APISIX 3.18 runs on.
constexpr int kNginxVersion = 1027001;
constexpr int kNgxLuaVersion = 10028;

int worker_id(lua_State* lua) {
  lua_pushinteger(lua, State::of(lua).deps().worker_index);
  return 1;
}

int worker_pid(lua_State* lua) {
  lua_pushinteger(lua, ::getpid());
  return 1;
}

int worker_count(lua_State* lua) {
  const plugin::LuaSettings* settings = State::of(lua).deps().lua;
  lua_pushinteger(lua, settings != nullptr ? settings->worker_count : 1);
  return 1;
}

int worker_exiting(lua_State* lua) {
  lua_pushboolean(lua, State::of(lua).timers().is_closed() ? 1 : 0);
  return 1;
}

int configure_arguments(lua_State* lua) {
  push(lua, "");
  return 1;
}

int prefix(lua_State* lua) {
  const plugin::Deps& deps = State::of(lua).deps();
  const bool is_known = deps.lua != nullptr && !deps.lua->instance_folder.empty();
  std::string folder = is_known ? deps.lua->instance_folder : deps.prefix;
  if (!folder.ends_with('/')) folder += '/';
  push(lua, folder);
  return 1;
}

// --- ngx.process

int type_of_process(lua_State* lua) {
  push(lua, "worker");
  return 1;
}

int master_pid(lua_State* lua) {
  lua_pushinteger(lua, ::getppid());
  return 1;
}

int enable_privileged_agent(lua_State* lua) {
  lua_pushboolean(lua, 1);  // there is one
  return 1;
}

int signal_graceful_exit(lua_State*) {
  return 0;  // the master decides when a worker ends
}

int load_process(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "type", type_of_process);
  set_function(lua, "get_master_pid", master_pid);
  set_function(lua, "enable_privileged_agent", enable_privileged_agent);
  set_function(lua, "signal_graceful_exit", signal_graceful_exit);
  return 1;
}

// --- ngx.errlog

// ngx's numbers are one above LogLevel's: STDERR is 0, EMERG 1.
int filter_level(lua_State* lua) {
  lua_pushinteger(lua, static_cast<int>(base::log_level()) + 1);
  return 1;
}

int raw_log(lua_State* lua) {
  const auto level = luaL_checkinteger(lua, 1);
  const std::string_view text = check_text(lua, 2);
  if (level < 0 || level > 8) return luaL_error(lua, "bad log level");
  const auto wanted = static_cast<base::LogLevel>(level == 0 ? 0 : level - 1);
  if (wanted <= base::log_level()) base::log_line(wanted, text);
  return 0;
}

int no_logs(lua_State* lua) {
  lua_newtable(lua);
  return 1;
}

int set_filter_level(lua_State* lua) {
  return push_error(lua, "missing \"lua_capture_error_log\" directive");
}

int load_errlog(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "get_sys_filter_level", filter_level);
  set_function(lua, "raw_log", raw_log);
  set_function(lua, "get_logs", no_logs);
  set_function(lua, "set_filter_level", set_filter_level);
  return 1;
}

}  // namespace

void open_process(lua_State* ngx) {
  lua_newtable(ngx);
  set_function(ngx, "id", worker_id);
  set_function(ngx, "pid", worker_pid);
  set_function(ngx, "count", worker_count);
  set_function(ngx, "exiting", worker_exiting);
  lua_setfield(ngx, -2, "worker");
  lua_newtable(ngx);
  push(ngx, "http");
  lua_setfield(ngx, -2, "subsystem");
  lua_pushboolean(ngx, 0);
  lua_setfield(ngx, -2, "debug");
  set_number(ngx, "nginx_version", kNginxVersion);
  set_number(ngx, "ngx_lua_version", kNgxLuaVersion);
  set_function(ngx, "nginx_configure", configure_arguments);
  set_function(ngx, "prefix", prefix);
  lua_setfield(ngx, -2, "config");
  preload(ngx, "ngx.process", load_process);
  preload(ngx, "ngx.errlog", load_errlog);
}

}  // namespace apisix::lua
