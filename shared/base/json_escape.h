// How a character is written inside a JSON string. Both the JSON writer and the access log use it; they
// differ only in which characters they escape.
#pragma once

#include <string>

namespace apisix::base {

// Appends the escaped form of `c`: \" \\ \n \r \t \b \f, or \u00xx.
inline void append_json_escape(std::string& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace apisix::base
