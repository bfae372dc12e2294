// The module gateway.yaml, for the stand-ins of YAML libraries.
#include "shared/format/yaml.h"

#include <string>

#include "worker/lua/json_value.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

// parse(text) -> the one document of it; null is cjson.null
int parse(lua_State* lua) {
  auto yaml = format::parse_yaml(check_text(lua, 1), "yaml", format::YamlLines::kSkip);
  if (!yaml) return push_error(lua, yaml.error().what);
  push_json(lua, yaml->value);
  return 1;
}

// write(value) -> text
int write(lua_State* lua) {
  luaL_checkany(lua, 1);
  auto value = to_json(lua, 1);
  if (!value) return push_error(lua, value.error().what);
  push(lua, format::to_yaml(*value));
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "parse", parse);
  set_function(lua, "write", write);
  return 1;
}

}  // namespace

void open_yaml(lua_State* ngx) {
  preload(ngx, "gateway.yaml", load);
}

}  // namespace apisix::lua
