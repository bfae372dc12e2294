// apisix lint: what is wrong, useless or about to break in the configuration that the running gateway serves
// with. The exit code says whether there is something to do.
#include <cstdio>

#include "master/command.h"
#include "master/commands/ask.h"
#include "master/view/lint_view.h"
#include "master/view/terminal.h"

namespace apisix::master {

int run_lint(const Invocation& in) {
  const auto report = ask_gateway(in, "GET", "/v1/lint", "");
  if (!report) return cannot_ask(report.error());
  if (in.as_json) {
    std::puts(format::to_json(*report).c_str());
  } else {
    print(lint_lines(*report, output_style()));
  }
  return has_faults(*report) ? kExitFailed : kExitDone;
}

}  // namespace apisix::master
