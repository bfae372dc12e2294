#include <cstdio>

#include "master/command.h"

namespace apisix::master {

int run_help(const Invocation&) {
  std::puts("Usage: apisix [action] <argument>\n");
  for (const Command& command : commands()) {
    std::printf("%-12s%.*s\n", (std::string(command.name) + ":").c_str(),
                static_cast<int>(command.help.size()), command.help.data());
  }
  std::puts(R"(
  -c, --config FILE   the config.yaml to start with; later commands use it too, until stop or quit
  -p, --prefix DIR    the folder with conf/, logs/ and data/ (default: the current folder when it has
                      conf/config.yaml, else /usr/local/apisix)
      --foreground    start: stay attached to the terminal
      --timeout S     start, reload, upgrade: give up when the gateway is not ready after S seconds (60)
  -v, --verbose       version: say more

exit codes: 0 done, 1 failed (standard error says why), 2 unknown action or option)");
  return kExitDone;
}

}  // namespace apisix::master
