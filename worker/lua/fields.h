// Header fields and arguments as Lua tables, in OpenResty's shapes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "worker/lua/lua.h"

namespace apisix::http {
class HeaderMap;
}

namespace apisix::lua {

// What ngx.req.get_headers() and their kin list when they are not asked for more; 0 lists all.
inline constexpr std::size_t kListedMax = 100;

// t[name] = value for the table on top; a name that is there already becomes a list of its values.
void add_value(lua_State* lua, std::string_view name, std::string_view value);
// The same of `true`: an argument without '='.
void add_flag(lua_State* lua, std::string_view name);

// {name = value | {values}}: names in lower case, found in any case and with '_' for '-', unless `is_raw`.
// Returns the results pushed: the table, and "truncated" when there were more than `listed_max`.
int push_headers(lua_State* lua, const http::HeaderMap& headers, std::size_t listed_max, bool is_raw);
// {name = value | true | {values}} of a query or a form.
int push_args(lua_State* lua, std::string_view query, std::size_t listed_max);
// The value at `index` of a header to set: calls `each` for a text or number, and for each of a table of
// them. False for nil and an empty table. Raises for other types.
bool each_value(lua_State* lua, int index, const std::function<void(std::string_view)>& each);
// As ngx.escape_uri() escapes a component.
void append_escaped(std::string& out, std::string_view text);
// A query of the text or table at `index`, as ngx.encode_args makes it. Raises for other types.
void append_args(lua_State* lua, int index, std::string& out);

}  // namespace apisix::lua
