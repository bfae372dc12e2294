#include "worker/lua/syntax.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <iterator>

#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Bytes of "[[...]]", "[=[...]=]" at the start of `text`; 0: it is none. One without an end goes to the end.
std::size_t long_bracket(std::string_view text) {
  std::size_t level = 0;
  while (1 + level < text.size() && text[1 + level] == '=') ++level;
  if (1 + level >= text.size() || text[1 + level] != '[') return 0;
  const std::string closing = ']' + std::string(level, '=') + ']';
  const std::size_t end = text.find(closing, level + 2);
  return end == std::string_view::npos ? text.size() : end + closing.size();
}

std::size_t comment(std::string_view text) {
  constexpr std::size_t kDashes = 2;
  if (text.size() > kDashes && text[kDashes] == '[') {
    if (const std::size_t bytes = long_bracket(text.substr(kDashes))) return kDashes + bytes;
  }
  return std::min(text.find('\n'), text.size());
}

std::size_t quoted(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && text[at] != text.front()) at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

// Space, a comment, a string, a name or number, or one sign.
std::size_t token(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const char first = text.front();
  if (kSpace.contains(first)) return std::min(text.find_first_not_of(kSpace), text.size());
  if (text.starts_with("--")) return comment(text);
  if (text.starts_with("::")) return 2;
  if (first == '"' || first == '\'') return quoted(text);
  if (first == '[') return std::max<std::size_t>(long_bracket(text), 1);
  const auto end = std::ranges::find_if_not(text, is_name_byte);
  return std::max<std::size_t>(static_cast<std::size_t>(end - text.begin()), 1);
}

// Follows the tokens: does a statement start here?
class Statements {
 public:
  bool starts() const { return starts_; }
  void pass(std::string_view token) {
    constexpr std::array<std::string_view, 6> kBefore{"then", "do", "else", "repeat", ";", "::"};
    if (token == "function") is_header_ = true;
    starts_ = std::ranges::find(kBefore, token) != kBefore.end() || (is_header_ && token == ")");
    if (token == ")") is_header_ = false;
  }

 private:
  bool starts_ = true;
  bool is_header_ = false;  // between `function` and the end of its parameters
};

// Arguments as those of Lua's load(); upvalue: that function.
int load_either(lua_State* lua) {
  const int count = lua_gettop(lua);
  lua_pushvalue(lua, lua_upvalueindex(1));
  for (int i = 1; i <= count; ++i) lua_pushvalue(lua, i);
  lua_call(lua, count, LUA_MULTRET);
  if (lua_type(lua, 1) != LUA_TSTRING || !lua_isnil(lua, count + 1)) return lua_gettop(lua) - count;
  const auto older = in_older_syntax(text_at(lua, 1));
  if (!older) return lua_gettop(lua) - count;
  lua_pushvalue(lua, lua_upvalueindex(1));
  push(lua, *older);
  if (count > 1) {
    lua_pushvalue(lua, 2);
  } else {
    lua_pushvalue(lua, 1);  // its name is the text
  }
  for (int i = 3; i <= count; ++i) lua_pushvalue(lua, i);
  lua_call(lua, std::max(count, 2), 1);
  if (!lua_isnil(lua, -1)) return 1;
  lua_pop(lua, 1);
  return lua_gettop(lua) - count;
}

std::string read_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// For package.loaders: the searcher of Lua files, which is the upvalue, with both syntaxes.
int search_file(lua_State* lua) {
  lua_settop(lua, 1);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);
  if (lua_pcall(lua, 1, 1, 0) == 0) return 1;  // its error stays at 2
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, "searchpath");
  lua_pushvalue(lua, 1);
  lua_getfield(lua, 3, "path");
  lua_call(lua, 2, 1);
  if (const char* path = lua_tostring(lua, -1)) {
    const auto older = in_older_syntax(read_file(path));
    lua_pushfstring(lua, "@%s", path);
    if (older && luaL_loadbuffer(lua, older->data(), older->size(), lua_tostring(lua, -1)) == 0) return 1;
  }
  lua_settop(lua, 2);
  return lua_error(lua);
}

}  // namespace

std::optional<std::string> in_older_syntax(std::string_view text) {
  std::string out;
  Statements statements;
  bool is_changed = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view piece = text.substr(at, token(text.substr(at)));
    at += piece.size();
    const bool is_skipped = piece.starts_with("--") || piece.find_first_not_of(" \t\r\n\f\v") == piece.npos;
    const bool is_empty = piece == ";" && statements.starts();
    const bool is_break = piece == "break";
    out += is_empty ? std::string_view(" ") : is_break ? std::string_view("do break end") : piece;
    is_changed = is_changed || is_empty || is_break;
    if (!is_skipped) statements.pass(piece);
  }
  if (!is_changed) return std::nullopt;
  return out;
}

int load_text(lua_State* lua, std::string_view text, const char* name) {
  const int fault = luaL_loadbuffer(lua, text.data(), text.size(), name);
  if (fault != LUA_ERRSYNTAX) return fault;
  const auto older = in_older_syntax(text);
  if (!older) return fault;
  if (luaL_loadbuffer(lua, older->data(), older->size(), name) != 0) {
    lua_pop(lua, 1);
    return fault;
  }
  lua_remove(lua, -2);
  return 0;
}

void open_syntax(lua_State* lua) {
  for (const char* name : {"load", "loadstring"}) {
    lua_getglobal(lua, name);
    lua_pushcclosure(lua, load_either, 1);
    lua_setglobal(lua, name);
  }
  constexpr int kFileSearcher = 2;
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, "loaders");
  lua_rawgeti(lua, -1, kFileSearcher);
  lua_pushcclosure(lua, search_file, 1);
  lua_rawseti(lua, -2, kFileSearcher);
  lua_pop(lua, 2);
}

}  // namespace apisix::lua
