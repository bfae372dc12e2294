// Lua 5.2's statements, which OpenResty's LuaJIT is built to read and Debian's is not: empty statements
// (`then;`), and `break` that is not the last of its block. A text that does not compile is tried once more
// in the older words; lines stay where they are. Texts that compile pay nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/lua/lua.h"

namespace apisix::lua {

// The text in the words of Lua 5.1; nothing when it has none of those statements.
std::optional<std::string> in_older_syntax(std::string_view text);

// As luaL_loadbuffer, and both syntaxes. An error is that of the text as it stands.
int load_text(lua_State* lua, std::string_view text, const char* name);

}  // namespace apisix::lua
