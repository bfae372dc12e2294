// argv -> Invocation. The only file that knows the option parser.
#pragma once

#include <optional>
#include <string>

#include "master/command.h"

namespace apisix::master {

struct Arguments {
  std::string action;  // empty: none was given
  Invocation invocation;
  std::optional<int> exit_code;  // set: everything is said already (--help, a wrong option)
};

Arguments parse_arguments(int argc, const char* const* argv);

// The runtime home when -p is not given: the current folder, APISIX's, or the package's, whichever has
// conf/config.yaml.
std::string default_prefix();

}  // namespace apisix::master
