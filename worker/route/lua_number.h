// Numbers as expressions see them: text converted by the rules of Lua's tonumber (as LuaJIT has them), and
// numbers written as Lua's tostring writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace apisix::route {

// Decimal, hexadecimal ("0x1F", "0x1p4"), binary ("0b101"), "inf" and "nan", with a sign and with white space
// around; nullopt when the text is no number.
std::optional<double> to_lua_number(std::string_view text);

// "%.14g".
std::string lua_number_text(double number);

}  // namespace apisix::route
