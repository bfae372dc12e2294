// apisix test: checks config.yaml, and apisix.yaml or apisix.json when that is what is served; changes
// nothing.
#include <cstdio>

#include "master/document.h"
#include "master/running.h"

namespace apisix::master {

int run_test(const Invocation& in) {
  const auto path = current_config(in);
  auto setup = path ? check_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) {
    std::fprintf(stderr, "%s\nconfiguration test failed\n", setup.error().what.c_str());
    return kExitFailed;
  }
  if (const auto faults = faults_of_document(*setup); !faults.empty()) {
    for (const std::string& fault : faults) std::fprintf(stderr, "%s\n", fault.c_str());
    std::fprintf(stderr, "configuration test failed\n");
    return kExitFailed;
  }
  for (const std::string& warning : setup->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  std::puts("configuration test is successful");
  return kExitDone;
}

}  // namespace apisix::master
