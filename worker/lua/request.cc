// ngx.req.*: the client's request, as the node will get it.
#include "worker/plugin/request.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "shared/base/file.h"
#include "worker/lua/binding.h"
#include "worker/lua/fields.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

struct Method {
  std::string_view name;
  int number;  // nginx's
};
constexpr std::array<Method, 15> kMethods{{{"GET", 0x2},
                                           {"HEAD", 0x4},
                                           {"POST", 0x8},
                                           {"PUT", 0x10},
                                           {"DELETE", 0x20},
                                           {"MKCOL", 0x40},
                                           {"COPY", 0x80},
                                           {"MOVE", 0x100},
                                           {"OPTIONS", 0x200},
                                           {"PROPFIND", 0x400},
                                           {"PROPPATCH", 0x800},
                                           {"LOCK", 0x1000},
                                           {"UNLOCK", 0x2000},
                                           {"PATCH", 0x4000},
                                           {"TRACE", 0x8000}}};

// The phases in which the request may still be changed.
constexpr std::uint32_t kChangingPhases = bit(Phase::kRewrite) | bit(Phase::kAccess) | bit(Phase::kContent) |
                                          bit(Phase::kHeaderFilter) | bit(Phase::kBalancer);

// "How many at most": the argument at `index`; kListedMax without one.
std::size_t listed_max(lua_State* lua, int index) {
  const auto asked = luaL_optinteger(lua, index, static_cast<lua_Integer>(kListedMax));
  return asked < 0 ? 0 : static_cast<std::size_t>(asked);
}

int get_headers(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  Binding& binding = binding_of(lua);
  const std::size_t count = listed_max(lua, 1);
  return push_headers(lua, binding.request().headers().all(), count, lua_toboolean(lua, 2) != 0);
}

int set_header(lua_State* lua) {
  check_phase(lua, kChangingPhases);
  const std::string_view name = check_text(lua, 1);
  auto headers = binding_of(lua).request().headers();
  bool is_first = true;
  const bool has_any = each_value(lua, 2, [&](std::string_view value) {
    is_first ? headers.set(name, value) : headers.add(name, value);
    is_first = false;
  });
  if (!has_any) headers.remove(name);
  return 0;
}

int add_header(lua_State* lua) {
  check_phase(lua, kChangingPhases);
  const std::string_view name = check_text(lua, 1);
  auto headers = binding_of(lua).request().headers();
  each_value(lua, 2, [&](std::string_view value) { headers.add(name, value); });
  return 0;
}

int clear_header(lua_State* lua) {
  check_phase(lua, kChangingPhases);
  binding_of(lua).request().headers().remove(check_text(lua, 1));
  return 0;
}

std::string_view method_of(Binding& binding) {
  const std::string_view changed = binding.state().upstream.method;
  return changed.empty() ? binding.request().method() : changed;
}

int get_method(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  push(lua, method_of(binding_of(lua)));
  return 1;
}

int set_method(lua_State* lua) {
  check_phase(lua, kChangingPhases);
  const auto number = luaL_checkinteger(lua, 1);
  for (const Method& method : kMethods) {
    if (method.number != number) continue;
    binding_of(lua).request().upstream().set_method(method.name);
    return 0;
  }
  return luaL_error(lua, "unsupported HTTP method: %d", static_cast<int>(number));
}

int get_uri_args(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  const std::size_t count = listed_max(lua, 1);
  return push_args(lua, binding_of(lua).request().query().text(), count);
}

int set_uri_args(lua_State* lua) {
  check_phase(lua, kChangingPhases);
  std::string args;
  append_args(lua, 1, args);
  binding_of(lua).request().query().set_text(args);
  return 0;
}

int set_uri(lua_State* lua) {
  check_phase(lua, kChangingPhases);
  const std::string_view uri = check_text(lua, 1);
  if (uri.empty()) return luaL_error(lua, "attempt to use zero-length uri");
  if (lua_toboolean(lua, 2) != 0) {
    return luaL_error(lua, "API disabled in the context of %s", context_of(Run::of(lua).phase()).data());
  }
  for (const char c : uri) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return luaL_error(lua,
                        "unsafe byte \"0x%02x\" in uri \"%s\" (maybe you want to set the 'binary' argument?)",
                        static_cast<unsigned char>(c), lua_tostring(lua, 1));
    }
  }
  plugin::RequestState& state = binding_of(lua).state();
  state.target.path = state.arena.copy(uri);
  state.target.match_path = state.target.path;
  state.target.path_changed = true;
  state.target.rewritten = {};
  return 0;
}

// Of a body nothing is read before it is asked for; the bound is client_max_body_size.
constexpr std::size_t kBodyBytesMax = SIZE_MAX;

async::Task<int> read(Binding& binding) {
  const auto body = co_await binding.request().body().read(kBodyBytesMax);
  binding.set_body(body.data);
  co_return 0;
}

int read_body(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  Binding& binding = binding_of(lua);
  if (binding.body()) return 0;
  return wait(lua, read(binding));
}

int discard_body(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  return 0;  // the session drains what nothing reads
}

int get_body_data(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  const auto& body = binding_of(lua).body();
  if (!body || body->empty()) {
    lua_pushnil(lua);
  } else {
    const auto bytes = static_cast<std::size_t>(luaL_optinteger(lua, 1, 0));
    push(lua, bytes != 0 ? body->substr(0, bytes) : *body);
  }
  return 1;
}

// Bodies are held in memory: there is never a file.
int get_body_file(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  lua_pushnil(lua);
  return 1;
}

async::Task<int> replace(Binding& binding, std::string_view body) {
  if (co_await binding.request().body().replace(std::string(body))) {
    binding.set_body(binding.state().arena.copy(body));
  }
  co_return 0;
}

int set_body_data(lua_State* lua) {
  Run& run = check_phase(lua, kWaitingPhases | bit(Phase::kBalancer));
  const std::string_view body = check_text(lua, 1);
  Binding& binding = binding_of(lua);
  if (!run.may_wait()) return luaL_error(lua, "request body not read yet");
  return wait(lua, replace(binding, body));
}

// init_body(), append_body(piece)... finish_body(): the new body is gathered in the request's output of
// pieces, and takes the old one's place at the end.
int init_body(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  binding_of(lua).new_body().emplace();
  return 0;
}

int append_body(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  const std::string_view piece = check_text(lua, 1);
  auto& gathered = binding_of(lua).new_body();
  if (!gathered) return luaL_error(lua, "request_body not initialized");
  gathered->append(piece);
  return 0;
}

async::Task<int> finish(Binding& binding) {
  const std::string body = std::move(*std::exchange(binding.new_body(), std::nullopt));
  co_return co_await replace(binding, body);
}

int finish_body(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  Binding& binding = binding_of(lua);
  if (!binding.new_body()) return luaL_error(lua, "request_body not initialized");
  return wait(lua, finish(binding));
}

async::Task<int> replace_by_file(Binding& binding, std::string body) {
  co_return co_await replace(binding, body);
}

// The file's bytes; it is read at once, as every file that Lua reads is.
int set_body_file(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  const std::string path(check_text(lua, 1));
  Binding& binding = binding_of(lua);
  auto body = base::read_file(path);
  if (!body) return luaL_error(lua, "%s", body.error().what.c_str());
  return wait(lua, replace_by_file(binding, std::move(*body)));
}

int get_post_args(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  const std::size_t count = listed_max(lua, 1);
  const auto& body = binding_of(lua).body();
  if (!body) return luaL_error(lua, "no request body found; maybe you should turn on lua_need_request_body?");
  return push_args(lua, *body, count);
}

// --- ngx.req.socket(), and what gateway.body_socket makes it of: places count from 1, as in Lua

std::string_view body_of(lua_State* lua) {
  return binding_of(lua).body().value_or(std::string_view());
}

int body_size(lua_State* lua) {
  lua_pushinteger(lua, static_cast<lua_Integer>(body_of(lua).size()));
  return 1;
}

// sub(first, last); -1: to the end.
int body_sub(lua_State* lua) {
  const std::string_view body = body_of(lua);
  const auto bytes = static_cast<lua_Integer>(body.size());
  const lua_Integer first = std::clamp<lua_Integer>(luaL_checkinteger(lua, 1), 1, bytes + 1);
  const lua_Integer asked = luaL_checkinteger(lua, 2);
  const lua_Integer last = asked < 0 ? bytes : std::clamp<lua_Integer>(asked, first - 1, bytes);
  push(lua, body.substr(static_cast<std::size_t>(first - 1), static_cast<std::size_t>(last - first + 1)));
  return 1;
}

// find(text, from) -> place | nil
int body_find(lua_State* lua) {
  const auto from = static_cast<std::size_t>(std::max<lua_Integer>(luaL_checkinteger(lua, 2), 1) - 1);
  const std::size_t at = body_of(lua).find(check_text(lua, 1), from);
  if (at == std::string_view::npos) return 0;
  lua_pushinteger(lua, static_cast<lua_Integer>(at + 1));
  return 1;
}

// Why there can be no socket for it; nil: it can.
int body_refusal(lua_State* lua) {
  Binding& binding = binding_of(lua);
  const http::RequestHead& head = *binding.state().head;
  const bool has_none = head.framing == http::Framing::kNone ||
                        (head.framing == http::Framing::kLength && head.content_length == 0);
  if (binding.body()) {
    push(lua, "request body already exists");
  } else if (has_none) {
    push(lua, "no body");
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int load_body(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "size", body_size);
  set_function(lua, "sub", body_sub);
  set_function(lua, "find", body_find);
  set_function(lua, "refusal", body_refusal);
  return 1;
}

int open_socket(lua_State* lua) {
  check_phase(lua, bit(Phase::kRewrite) | bit(Phase::kAccess) | bit(Phase::kContent));
  if (lua_gettop(lua) > 1) return luaL_error(lua, "expecting 0 or 1 argument, but got %d", lua_gettop(lua));
  const bool is_raw = lua_toboolean(lua, 1) != 0;
  lua_getglobal(lua, "require");
  lua_pushliteral(lua, "gateway.body_socket");
  lua_call(lua, 1, 1);
  lua_getfield(lua, -1, "open");
  lua_pushboolean(lua, is_raw ? 1 : 0);
  lua_call(lua, 1, 2);
  return 2;
}

int http_version(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  switch (binding_of(lua).request().client().protocol()) {
    case http::Protocol::k2:
      lua_pushnumber(lua, 2.0);
      break;
    case http::Protocol::k10:
      lua_pushnumber(lua, 1.0);
      break;
    default:
      lua_pushnumber(lua, 1.1);
  }
  return 1;
}

int raw_header(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  plugin::Request& request = binding_of(lua).request();
  std::string out;
  if (lua_toboolean(lua, 1) == 0) {
    out = fmt::format("{} {} HTTP/{}\r\n", request.method(), request.raw_target(),
                      request.client().protocol() == http::Protocol::k10 ? "1.0" : "1.1");
  }
  for (const http::HeaderField& field : request.headers().all()) {
    out += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  if (lua_toboolean(lua, 1) == 0) out += "\r\n";
  push(lua, out);
  return 1;
}

int start_time(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  constexpr double kMicroseconds = 1e6;
  lua_pushnumber(lua,
                 static_cast<double>(binding_of(lua).state().received.wall_us / 1000) * 1000 / kMicroseconds);
  return 1;
}

int is_internal(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  lua_pushboolean(lua, 0);
  return 1;
}

constexpr std::pair<const char*, lua_CFunction> kFunctions[] = {
    {"get_headers", get_headers},     {"set_header", set_header},
    {"add_header", add_header},       {"clear_header", clear_header},
    {"get_method", get_method},       {"set_method", set_method},
    {"get_uri_args", get_uri_args},   {"get_query_args", get_uri_args},
    {"set_uri_args", set_uri_args},   {"set_uri", set_uri},
    {"read_body", read_body},         {"discard_body", discard_body},
    {"get_body_data", get_body_data}, {"get_body_file", get_body_file},
    {"set_body_data", set_body_data}, {"set_body_file", set_body_file},
    {"init_body", init_body},         {"append_body", append_body},
    {"finish_body", finish_body},     {"get_post_args", get_post_args},
    {"http_version", http_version},   {"raw_header", raw_header},
    {"start_time", start_time},       {"is_internal", is_internal},
    {"socket", open_socket}};

}  // namespace

void open_request(lua_State* ngx) {
  lua_newtable(ngx);
  for (const auto& [name, function] : kFunctions) set_function(ngx, name, function);
  lua_setfield(ngx, -2, "req");
  preload(ngx, "gateway.body", load_body);
  for (const Method& method : kMethods) {
    set_number(ngx, ("HTTP_" + std::string(method.name)).c_str(), method.number);
  }
}

}  // namespace apisix::lua
