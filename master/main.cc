#include <algorithm>
#include <cstdio>

#include <sys/stat.h>

#include "master/arguments.h"
#include "master/command.h"
#include "shared/base/process_title.h"

namespace apisix::master {
namespace {

int run_command(const Arguments& arguments) {
  if (arguments.exit_code) return *arguments.exit_code;
  if (arguments.action.empty()) return run_help(arguments.invocation);
  const auto known = commands();
  const auto found = std::ranges::find(known, arguments.action, &Command::name);
  if (found != known.end()) return found->run(arguments.invocation);
  std::fprintf(stderr, "invalid argument: %s\n", arguments.action.c_str());
  run_help(arguments.invocation);
  return kExitUsage;
}

}  // namespace
}  // namespace apisix::master

int main(int argc, char** argv) {
  // Files have the modes that their makers name, whatever the shell or the service manager had set.
  ::umask(022);
  const auto arguments = apisix::master::parse_arguments(argc, argv);
  apisix::base::keep_room_for_process_title(argc, argv);
  return apisix::master::run_command(arguments);
}
