// apisix test: checks config.yaml and changes nothing.
#include <cstdio>

#include "master/running.h"

namespace apisix::master {

int run_test(const Invocation& in) {
  const auto path = current_config(in);
  auto setup = path ? check_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) {
    std::fprintf(stderr, "%s\nconfiguration test failed\n", setup.error().what.c_str());
    return kExitFailed;
  }
  for (const std::string& warning : setup->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  std::puts("configuration test is successful");
  return kExitDone;
}

}  // namespace apisix::master
