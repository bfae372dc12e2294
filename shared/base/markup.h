// Text inside HTML and XML: the five characters that mean something there, as entities that both know.
#pragma once

#include <string>
#include <string_view>

namespace apisix::base {

inline void append_escaped_markup(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
}

}  // namespace apisix::base
