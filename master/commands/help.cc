#include <algorithm>
#include <cstdio>

#include "master/command.h"

namespace apisix::master {

namespace {

// Of the command that the help is asked for; empty: of none in particular.
std::string_view page_of(const Invocation& in) {
  const auto known = commands();
  const auto found =
      in.arguments.empty() ? known.end() : std::ranges::find(known, in.arguments.front(), &Command::name);
  return found == known.end() ? std::string_view() : found->page;
}

}  // namespace

int run_help(const Invocation& in) {
  if (const std::string_view page = page_of(in); !page.empty()) {
    std::printf("Usage: apisix %.*s\n", static_cast<int>(page.size()), page.data());
    return kExitDone;
  }
  std::puts("Usage: apisix [action] <argument>\n");
  for (const Command& command : commands()) {
    std::printf("%-17s%.*s\n", (std::string(command.name) + ":").c_str(),
                static_cast<int>(command.help.size()), command.help.data());
  }
  std::puts(R"(
  -c, --config FILE   the config.yaml to start with; later commands use it too, until stop or quit
  -p, --prefix DIR    the folder with conf/, logs/ and data/ (default: the current folder when it has
                      conf/config.yaml, else /usr/local/apisix)
      --foreground    start: stay attached to the terminal
      --timeout S     start, reload, upgrade: give up when the gateway is not ready after S seconds (60)
  -v, --verbose       version: say more
      --json          status, health, top, explain, lint and the lists of objects: for machines
  -d, --interval S    status, top: seconds between two looks
  -n, --count N       top: leave after N screens
  -h, --help          with an action: its options and examples

exit codes: 0 done, 1 failed (standard error says why), 2 unknown action or option; of those
that look at a running gateway: 1 not all is well, 3 not running, 4 it cannot be looked at)");
  return kExitDone;
}

}  // namespace apisix::master
