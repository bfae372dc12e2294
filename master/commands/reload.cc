// apisix reload: checks the new config.yaml here, where somebody reads the answer, then tells the master.
#include <csignal>

#include "master/document.h"
#include "master/running.h"

namespace apisix::master {

int run_reload(const Invocation& in) {
  const auto path = current_config(in);
  const auto setup = path ? make_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) return failed(setup.error());
  // The new workers would go on with the last good one, which is no reason to refuse.
  if (const auto readable = check_document(**setup); !readable) {
    (*setup)->warnings.push_back(readable.error().what + ": the last good configuration stays in force");
  }
  print_remarks(**setup);
  // The master reads the remembered path.
  if (!in.config.empty()) {
    if (const auto chosen = choose_config(in); !chosen) return failed(chosen.error());
  }
  const auto sent = signal_master(in.prefix, SIGHUP);
  return sent ? kExitDone : failed(sent.error());
}

}  // namespace apisix::master
