// Pieces of JSON text, for what is written without a tree: the same bytes as to_json() makes of a value.
#pragma once

#include <string>
#include <string_view>

namespace apisix::format {

// Quoted and escaped, with U+FFFD for what is no UTF-8.
void append_json_text(std::string& out, std::string_view text);
// As cjson: 14 digits, whole numbers without a fraction; null for what is none.
void append_json_number(std::string& out, double number);

}  // namespace apisix::format
