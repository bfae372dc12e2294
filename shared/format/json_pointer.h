// JSON pointers (RFC 6901), as faults of schemas and differences of objects name places.
#pragma once

#include <string>
#include <string_view>

namespace apisix::format {

// "/name", with what cannot stand in a name escaped: ~ as ~0, / as ~1.
inline std::string pointer_step(std::string_view name) {
  std::string out = "/";
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace apisix::format
