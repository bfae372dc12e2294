// The response: ngx.header, ngx.status, ngx.say and their kin, ngx.exit, ngx.ctx, ngx.arg. Members of `ngx`
// that are values of the request (status, ctx, headers_sent) are read and written by the metatable of `ngx`.
#include <string>
#include <string_view>

#include "shared/base/log.h"
#include "shared/base/text.h"
#include "worker/lua/binding.h"
#include "worker/lua/fields.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/plugin/body.h"
#include "worker/plugin/request.h"

namespace apisix::lua {
namespace {

constexpr std::uint32_t kSayingPhases = bit(Phase::kRewrite) | bit(Phase::kAccess) | bit(Phase::kContent);
// A value inside a table of ngx.say: deeper ones are a cycle.
constexpr int kNestingMax = 64;

// The head is sent with the first ngx.say, for scripts: when that is still held the filters see it later.
bool is_behind_head(const Run& run) {
  if (run.phase() == Phase::kBodyFilter || run.phase() == Phase::kLog) return true;
  return run.phase() != Phase::kHeaderFilter && run.binding() != nullptr && run.binding()->has_responded();
}

// As OpenResty: it is a line of error.log, and the script goes on.
int refuse_behind_head(const char* what) {
  base::log_error("attempt to set {} after sending out response headers", what);
  return 0;
}

bool is_content_length(std::string_view name) {
  return http::identify_header(name) == http::KnownHeader::kContentLength ||
         http::identify_header(name) == http::KnownHeader::kTransferEncoding;
}

// --- ngx.header

// Of the upstream's body, which keeps it out of the fields; null when it is not known or will not hold.
const http::ResponseHead* head_with_length(const plugin::ResponseState& response) {
  const bool has_length = response.upstream_head != nullptr && !response.body_changes &&
                          response.upstream_head->has_content_length;
  return has_length ? response.upstream_head : nullptr;
}

// ngx.header.content_type is Content-Type. On the coroutine's stack: what is called next may raise.
std::string_view push_field_name(lua_State* lua, std::string_view name) {
  luaL_Buffer buffer;
  luaL_buffinit(lua, &buffer);
  for (const char c : name) luaL_addchar(&buffer, c == '_' ? '-' : c);
  luaL_pushresult(&buffer);
  // nginx keeps this one outside of its fields, and writes its name itself.
  if (http::identify_header(text_at(lua, -1)) == http::KnownHeader::kContentType) {
    lua_pop(lua, 1);
    lua_pushliteral(lua, "Content-Type");
  }
  return text_at(lua, -1);
}

int read_header(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  Binding& binding = binding_of(lua);
  const std::string_view name = push_field_name(lua, check_text(lua, 2));
  const plugin::ResponseState& response = binding.state().response;
  if (http::identify_header(name) == http::KnownHeader::kContentLength) {
    if (const auto* head = head_with_length(response)) {
      push(lua, std::to_string(head->content_length));
      return 1;
    }
  }
  int found = 0;
  for (const http::HeaderField& field : response.headers) {
    if (!base::equals_ignore_case(field.name, name)) continue;
    push(lua, field.value);
    ++found;
  }
  if (found <= 1) {
    if (found == 0) lua_pushnil(lua);
    return 1;
  }
  lua_createtable(lua, found, 0);
  for (int i = found; i >= 1; --i) {
    lua_insert(lua, -2);  // the table below the last value
    lua_rawseti(lua, -2, i);
  }
  return 1;
}

// Another length than the upstream's says that the body will be another one: it is counted then, whatever was
// said.
void follow_content_length(Binding& binding, std::string_view value) {
  plugin::ResponseState& response = binding.state().response;
  if (!response.from_upstream) return;
  const auto* head = head_with_length(response);
  if (head == nullptr || std::to_string(head->content_length) != value) response.body_changes = true;
}

void clear_content_length(Binding& binding) {
  binding.state().response.body_changes = true;
}

int write_header(lua_State* lua) {
  const Run& run = check_phase(lua, kRequestPhases);
  if (is_behind_head(run)) return refuse_behind_head("ngx.header.HEADER");
  Binding& binding = binding_of(lua);
  const std::string_view name = push_field_name(lua, check_text(lua, 2));
  plugin::Response response = binding.request().response();
  bool is_first = true;
  const bool is_length = is_content_length(name);
  const bool has_any = each_value(lua, 3, [&](std::string_view value) {
    if (is_length) follow_content_length(binding, value);
    is_first ? response.set_header(name, value) : response.add_header(name, value);
    is_first = false;
  });
  if (has_any) return 0;
  if (is_length) clear_content_length(binding);
  response.remove_header(name);
  return 0;
}

int get_response_headers(lua_State* lua) {
  check_phase(lua, kRequestPhases);
  const auto asked = luaL_optinteger(lua, 1, static_cast<lua_Integer>(kListedMax));
  const bool is_raw = lua_toboolean(lua, 2) != 0;
  const plugin::ResponseState& response = binding_of(lua).state().response;
  const int results =
      push_headers(lua, response.headers, asked < 0 ? 0 : static_cast<std::size_t>(asked), is_raw);
  if (const auto* head = head_with_length(response)) {
    push(lua, std::to_string(head->content_length));
    lua_setfield(lua, -1 - results, is_raw ? "Content-Length" : "content-length");
  }
  return results;
}

int add_response_header(lua_State* lua) {
  const Run& run = check_phase(lua, kRequestPhases);
  if (is_behind_head(run)) return refuse_behind_head("ngx.header.HEADER");
  plugin::Response response = binding_of(lua).request().response();
  const std::string_view name = push_field_name(lua, check_text(lua, 1));
  each_value(lua, 2, [&](std::string_view value) { response.add_header(name, value); });
  return 0;
}

// --- output

void append_output(lua_State* lua, int index, std::string& out, int depth) {
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
      out += "nil";
      return;
    case LUA_TBOOLEAN:
      out += lua_toboolean(lua, index) != 0 ? "true" : "false";
      return;
    case LUA_TNUMBER:
    case LUA_TSTRING: {
      lua_pushvalue(lua, index);
      std::size_t bytes = 0;
      const char* text = lua_tolstring(lua, -1, &bytes);
      out.append(text, bytes);
      lua_pop(lua, 1);
      return;
    }
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(lua, index) == nullptr) {
        out += "null";
        return;
      }
      break;
    case LUA_TTABLE: {
      if (depth > kNestingMax) luaL_error(lua, "bad argument: table is nested too deeply");
      const int count = static_cast<int>(lua_objlen(lua, index));
      for (int i = 1; i <= count; ++i) {
        lua_rawgeti(lua, index, i);
        append_output(lua, lua_gettop(lua), out, depth + 1);
        lua_pop(lua, 1);
      }
      return;
    }
    default:
      break;
  }
  luaL_error(
      lua,
      "bad argument #%d to 'print' (string, number, boolean, nil, ngx.null, or array table expected, got %s)",
      index, luaL_typename(lua, index));
}

int write_output(lua_State* lua, bool with_line_feed) {
  check_phase(lua, kSayingPhases);
  Binding& binding = binding_of(lua);
  std::string out;
  for (int i = 1; i <= lua_gettop(lua); ++i) append_output(lua, i, out, 0);
  if (with_line_feed) out += '\n';
  binding.output() += out;
  binding.set_responded();
  lua_pushinteger(lua, 1);
  return 1;
}

int say(lua_State* lua) {
  return write_output(lua, true);
}

int print(lua_State* lua) {
  return write_output(lua, false);
}

async::Task<int> flush(lua_State* lua, Binding& binding) {
  co_await binding.flush();
  lua_pushinteger(lua, 1);
  co_return 1;
}

int flush(lua_State* lua) {
  check_phase(lua, kSayingPhases);
  if (lua_gettop(lua) > 1)
    return luaL_error(lua, "attempt to pass %d arguments, but accepted 0 or 1", lua_gettop(lua));
  if (lua_gettop(lua) == 1) luaL_checktype(lua, 1, LUA_TBOOLEAN);
  Binding& binding = binding_of(lua);
  if (!binding.has_responded()) return push_error(lua, "nothing to flush");
  return wait(lua, flush(lua, binding));
}

// The response ends with the hook, which goes on.
int eof(lua_State* lua) {
  check_phase(lua, kSayingPhases);
  binding_of(lua).set_responded();
  lua_pushinteger(lua, 1);
  return 1;
}

int send_headers(lua_State* lua) {
  check_phase(lua, kSayingPhases);
  Binding& binding = binding_of(lua);
  binding.set_responded();
  if (binding.stream() == nullptr) return wait(lua, flush(lua, binding));
  lua_pushinteger(lua, 1);
  return 1;
}

// --- ends

// The function goes on, as in OpenResty; another response takes the place of this one behind it.
void exit_header_filter(plugin::Response response, int code) {
  constexpr int kError = -1;
  constexpr int kInternalError = 500;
  constexpr int kFirstStatus = 100;
  constexpr int kFirstPage = 400;
  constexpr int kStatusMax = 999;
  const int status = code == kError ? kInternalError : code;
  if (status >= kFirstPage && status <= kStatusMax) {
    response.refuse(static_cast<std::uint16_t>(status));
  } else if (status >= kFirstStatus && status <= kStatusMax) {
    response.set_status(static_cast<std::uint16_t>(status));
  }
}

int exit(lua_State* lua) {
  const auto code = static_cast<int>(luaL_checkinteger(lua, 1));
  Run& run = Run::of(lua);
  if (run.phase() == Phase::kHeaderFilter) {
    exit_header_filter(binding_of(lua).request().response(), code);
    return 0;
  }
  check_phase(lua, kWaitingPhases);
  return run.exit(lua, code);
}

int redirect(lua_State* lua) {
  check_phase(lua, kSayingPhases);
  const std::string_view uri = check_text(lua, 1);
  constexpr int kFound = 302;
  const auto status = static_cast<int>(luaL_optinteger(lua, 2, kFound));
  if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
    return luaL_error(
        lua,
        "only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, "
        "ngx.HTTP_SEE_OTHER, and ngx.HTTP_TEMPORARY_REDIRECT are allowed");
  }
  binding_of(lua).request().response().set_header("Location", uri);
  return Run::of(lua).exit(lua, status);
}

int exec(lua_State* lua) {
  check_phase(lua, kSayingPhases);
  return luaL_error(lua, "ngx.exec: this gateway has no locations to jump to");
}

int capture(lua_State* lua) {
  return luaL_error(lua, "ngx.location.capture: this gateway has no subrequests; use resty.http");
}

int get_phase(lua_State* lua) {
  const Run* run = State::of(lua).current();
  push(lua, run != nullptr ? name_of(run->phase()) : name_of(Phase::kInit));
  return 1;
}

int on_abort(lua_State* lua) {
  check_phase(lua, kSayingPhases);
  return push_error(lua, "lua_check_client_abort is off");
}

int is_subrequest(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}

// --- ngx.arg: in body_filter the piece, and whether it is the last one

plugin::Body& body_of(lua_State* lua) {
  Run& run = check_phase(lua, bit(Phase::kBodyFilter));
  if (run.body() == nullptr) luaL_error(lua, "no body");
  return *run.body();
}

int read_arg(lua_State* lua) {
  plugin::Body& body = body_of(lua);
  switch (luaL_checkinteger(lua, 2)) {
    case 1:
      push(lua, body.outgoing());
      return 1;
    case 2:
      lua_pushboolean(lua, body.last() ? 1 : 0);
      return 1;
    default:
      lua_pushnil(lua);
      return 1;
  }
}

int write_arg(lua_State* lua) {
  plugin::Body& body = body_of(lua);
  if (luaL_checkinteger(lua, 2) == 2) {
    if (lua_toboolean(lua, 3) != 0) body.finish();
    return 0;
  }
  std::string out;
  if (!lua_isnil(lua, 3)) append_output(lua, 3, out, 0);
  body.replace(out);
  return 0;
}

// --- members of ngx that are the request's

int read_member(lua_State* lua) {
  const std::string_view name = text_at(lua, 2);
  if (name == "status") {
    check_phase(lua, kRequestPhases);
    Binding& binding = binding_of(lua);
    const int sent = binding.request().response().status();
    lua_pushinteger(lua, sent != 0 ? sent : binding.status());
    return 1;
  }
  if (name == "ctx") {
    Run* run = State::of(lua).current();
    if (run == nullptr || run->binding() == nullptr) return luaL_error(lua, "no request ctx found");
    run->binding()->push_ngx_ctx(lua);
    return 1;
  }
  if (name == "headers_sent") {
    lua_pushboolean(lua, is_behind_head(check_phase(lua, kRequestPhases)) ? 1 : 0);
    return 1;
  }
  if (name == "is_subrequest") return is_subrequest(lua);
  return 0;
}

int write_member(lua_State* lua) {
  const std::string_view name = text_at(lua, 2);
  if (name == "status") {
    const Run& run = check_phase(lua, kRequestPhases);
    Binding& binding = binding_of(lua);
    const auto status = static_cast<int>(luaL_checkinteger(lua, 3));
    if (is_behind_head(run)) return refuse_behind_head("ngx.status");
    binding.set_status(status);
    if (run.phase() == Phase::kHeaderFilter) {
      binding.request().response().set_status(static_cast<std::uint16_t>(status));
    }
    return 0;
  }
  if (name == "ctx") {
    luaL_checktype(lua, 3, LUA_TTABLE);
    lua_pushvalue(lua, 3);
    binding_of(lua).replace_ngx_ctx(lua);
    return 0;
  }
  lua_rawset(lua, 1);
  return 0;
}

void set_access_table(lua_State* ngx, const char* name, lua_CFunction read, lua_CFunction write) {
  lua_newtable(ngx);
  lua_newtable(ngx);
  set_function(ngx, "__index", read);
  set_function(ngx, "__newindex", write);
  lua_setmetatable(ngx, -2);
  lua_setfield(ngx, -2, name);
}

constexpr std::pair<const char*, lua_CFunction> kFunctions[] = {{"say", say},
                                                                {"print", print},
                                                                {"flush", flush},
                                                                {"eof", eof},
                                                                {"send_headers", send_headers},
                                                                {"exit", exit},
                                                                {"redirect", redirect},
                                                                {"get_phase", get_phase},
                                                                {"exec", exec},
                                                                {"on_abort", on_abort}};

}  // namespace

void open_response(lua_State* ngx) {
  for (const auto& [name, function] : kFunctions) set_function(ngx, name, function);
  set_access_table(ngx, "header", read_header, write_header);
  set_access_table(ngx, "arg", read_arg, write_arg);
  lua_newtable(ngx);
  set_function(ngx, "get_headers", get_response_headers);
  set_function(ngx, "add_header", add_response_header);
  lua_setfield(ngx, -2, "resp");
  lua_newtable(ngx);
  set_function(ngx, "capture", capture);
  set_function(ngx, "capture_multi", capture);
  lua_setfield(ngx, -2, "location");
  lua_newtable(ngx);
  set_function(ngx, "__index", read_member);
  set_function(ngx, "__newindex", write_member);
  lua_setmetatable(ngx, -2);
}

}  // namespace apisix::lua
