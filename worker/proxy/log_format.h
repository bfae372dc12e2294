// LogFormat: an access log format compiled once: literal text and variables in turn. Escaping as nginx's
// log_format: default (\xHH for quotes, backslashes, controls and bytes from 0x7f), json, or none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/plugin/request_state.h"
#include "worker/route/variable_name.h"

namespace apisix::proxy {

enum class Escape : unsigned char { kDefault, kJson, kNone };

class LogFormat {
 public:
  // "$name" and "${name}"; anything else is text, in which \", \', \\, \t, \r and \n mean what they mean in
  // nginx.conf.
  LogFormat(std::string_view format, Escape escape);

  // A name that is no variable of nginx, of APISIX, nor of a plugin here; nothing when all are known.
  std::optional<std::string> find_unknown_variable() const;

  // Appends the line, with its newline. An unset variable is "-" ("" in json and none).
  void append(std::string& out, plugin::RequestState& request) const;

 private:
  struct Part {
    std::string text;              // in front of the variable
    route::VariableName variable;  // kUnknown with empty detail: the format's tail
  };
  void append_value(std::string& out, std::string_view value) const;

  std::vector<Part> parts_;
  Escape escape_;
};

}  // namespace apisix::proxy
