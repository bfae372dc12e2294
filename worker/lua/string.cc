// string.find, match, gmatch and gsub: Lua's own, with matches that end (pattern.h).
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/base/text.h"
#include "worker/lua/cpu_watch.h"
#include "worker/lua/modules.h"
#include "worker/lua/pattern.h"

namespace apisix::lua {
namespace {

// Patterns are those of the code; a program that makes them up from requests does not fill the memory.
constexpr std::size_t kPatternsMax = 1024;
constexpr std::size_t kKeptBytesMax = 256;

using Found = PatternMatch::Found;

base::Ref<Pattern> pattern_of(std::string_view text, bool anchors) {
  using Kept = std::unordered_map<std::string, base::Ref<Pattern>, base::StringHash, std::equal_to<>>;
  static thread_local std::array<Kept, 2> all;
  Kept& kept = all[anchors ? 1 : 0];
  if (const auto found = kept.find(text); found != kept.end()) return found->second;
  base::Ref<Pattern> made(new Pattern(text, anchors));
  if (text.size() > kKeptBytesMax) return made;
  if (kept.size() >= kPatternsMax) kept.clear();
  kept.emplace(text, made);
  return made;
}

// Where the third argument says that the search starts, from 0.
std::size_t start_of(lua_State* lua, std::size_t bytes) {
  const auto end = static_cast<lua_Integer>(bytes);
  lua_Integer start = luaL_optinteger(lua, 3, 1);
  start = start < 0 ? start + end : start - 1;
  return static_cast<std::size_t>(std::clamp<lua_Integer>(start, 0, end));
}

bool is_found(lua_State* lua, const PatternMatch& match, Found found) {
  if (found == Found::kFault) luaL_error(lua, "%s", match.fault());
  return found == Found::kYes;
}

void push_whole(lua_State* lua, const PatternMatch& match, std::string_view subject) {
  push(lua, subject.substr(match.start(), match.end() - match.start()));
}

void push_capture(lua_State* lua, const PatternMatch& match, std::string_view subject, std::size_t number) {
  if (number >= match.capture_count()) {
    if (number != 0) luaL_error(lua, "invalid capture index");
    return push_whole(lua, match, subject);
  }
  const PatternMatch::Capture& capture = match.capture(number);
  if (capture.length == PatternMatch::kOpenLength) luaL_error(lua, "unfinished capture");
  if (capture.length == PatternMatch::kPositionLength) {
    return lua_pushinteger(lua, static_cast<lua_Integer>(capture.start + 1));
  }
  push(lua, subject.substr(capture.start, capture.length));
}

// All captures; the whole match where there are none.
int push_captures(lua_State* lua, const PatternMatch& match, std::string_view subject, std::size_t least) {
  const std::size_t count = std::max(match.capture_count(), least);
  luaL_checkstack(lua, static_cast<int>(count), "too many captures");
  for (std::size_t i = 0; i < count; ++i) push_capture(lua, match, subject, i);
  return static_cast<int>(count);
}

int push_range(lua_State* lua, std::size_t start, std::size_t end) {
  lua_pushinteger(lua, static_cast<lua_Integer>(start + 1));
  lua_pushinteger(lua, static_cast<lua_Integer>(end));
  return 2;
}

bool is_pattern(std::string_view text) {
  static const Pattern::Set kSpecial = [] {
    Pattern::Set set;
    for (const char c : std::string_view("^$*+?.([%-")) set.set(static_cast<unsigned char>(c));
    return set;
  }();
  return std::ranges::any_of(text, [](char c) { return kSpecial[static_cast<unsigned char>(c)]; });
}

int find(lua_State* lua) {
  const std::string_view subject = check_text(lua, 1);
  const std::string_view text = check_text(lua, 2);
  const std::size_t start = start_of(lua, subject.size());
  if (lua_toboolean(lua, 4) != 0 || !is_pattern(text)) {
    const auto at = subject.find(text, start);
    if (at != text.npos) return push_range(lua, at, at + text.size());
    lua_pushnil(lua);
    return 1;
  }
  const auto pattern = pattern_of(text, true);
  PatternMatch match(*pattern, subject, watched.stopping);
  if (is_found(lua, match, match.from(start))) {
    push_range(lua, match.start(), match.end());
    return 2 + push_captures(lua, match, subject, 0);
  }
  lua_pushnil(lua);
  return 1;
}

int match(lua_State* lua) {
  const std::string_view subject = check_text(lua, 1);
  const auto pattern = pattern_of(check_text(lua, 2), true);
  PatternMatch match(*pattern, subject, watched.stopping);
  if (is_found(lua, match, match.from(start_of(lua, subject.size()))))
    return push_captures(lua, match, subject, 1);
  lua_pushnil(lua);
  return 1;
}

// Upvalues: the subject, the pattern, where to go on.
int next_match(lua_State* lua) {
  const std::string_view subject = text_at(lua, lua_upvalueindex(1));
  const auto start = static_cast<std::size_t>(lua_tointeger(lua, lua_upvalueindex(3)));
  const auto pattern = pattern_of(text_at(lua, lua_upvalueindex(2)), false);
  PatternMatch match(*pattern, subject, watched.stopping);
  if (!is_found(lua, match, match.from(start))) return 0;
  const std::size_t behind = match.end() + (match.end() == match.start() ? 1 : 0);
  lua_pushinteger(lua, static_cast<lua_Integer>(behind));
  lua_replace(lua, lua_upvalueindex(3));
  return push_captures(lua, match, subject, 1);
}

int gmatch(lua_State* lua) {
  check_text(lua, 1);
  check_text(lua, 2);
  lua_settop(lua, 2);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_match, 3);
  return 1;
}

// The text of the third argument, with %1 and its kin.
void add_text(lua_State* lua, luaL_Buffer& out, const PatternMatch& match, std::string_view subject,
              std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || ++i == text.size()) {
      luaL_addchar(&out, i < text.size() ? text[i] : '\0');
    } else if (text[i] < '0' || text[i] > '9') {
      luaL_addchar(&out, text[i]);
    } else {
      const auto number = static_cast<std::size_t>(text[i] - '0');
      number == 0 ? push_whole(lua, match, subject) : push_capture(lua, match, subject, number - 1);
      luaL_addvalue(&out);
    }
  }
}

// What takes the place of a match.
void add_value(lua_State* lua, luaL_Buffer& out, const PatternMatch& match, std::string_view subject) {
  switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION:
      lua_pushvalue(lua, 3);
      lua_call(lua, push_captures(lua, match, subject, 1), 1);
      break;
    case LUA_TTABLE:
      push_capture(lua, match, subject, 0);
      lua_gettable(lua, 3);
      break;
    default:
      return add_text(lua, out, match, subject, check_text(lua, 3));
  }
  if (lua_toboolean(lua, -1) == 0) {
    lua_pop(lua, 1);
    push_whole(lua, match, subject);
  } else if (lua_isstring(lua, -1) == 0) {
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  }
  luaL_addvalue(&out);
}

int gsub(lua_State* lua) {
  const std::string_view subject = check_text(lua, 1);
  const auto pattern = pattern_of(check_text(lua, 2), true);
  const int type = lua_type(lua, 3);
  if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TTABLE && type != LUA_TFUNCTION) {
    return luaL_argerror(lua, 3, "string/function/table expected");
  }
  const auto most = luaL_optinteger(lua, 4, static_cast<lua_Integer>(subject.size() + 1));
  lua_settop(lua, 3);
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  PatternMatch match(*pattern, subject, watched.stopping);
  lua_Integer count = 0;
  std::size_t at = 0;
  while (count < most && is_found(lua, match, match.from(at))) {
    luaL_addlstring(&out, subject.data() + at, match.start() - at);
    add_value(lua, out, match, subject);
    ++count;
    at = match.end();
    if (pattern->is_anchored()) break;
    if (match.end() > match.start()) continue;
    // Behind an empty match the search goes on one further.
    if (at == subject.size()) break;
    luaL_addchar(&out, subject[at++]);
  }
  luaL_addlstring(&out, subject.data() + at, subject.size() - at);
  luaL_pushresult(&out);
  lua_pushinteger(lua, count);
  return 2;
}

}  // namespace

void open_string(lua_State* ngx) {
  lua_getglobal(ngx, "string");
  set_function(ngx, "find", find);
  set_function(ngx, "match", match);
  set_function(ngx, "gmatch", gmatch);
  set_function(ngx, "gsub", gsub);
  lua_pop(ngx, 1);
}

}  // namespace apisix::lua
