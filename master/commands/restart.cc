// apisix restart: test, stop, start. A config.yaml that does not pass leaves the old one running.
#include "master/running.h"

namespace apisix::master {

int run_restart(const Invocation& in) {
  if (const int code = run_test(in); code != kExitDone) return code;
  if (const int code = run_stop(in); code != kExitDone) return code;
  return run_start(in);
}

}  // namespace apisix::master
