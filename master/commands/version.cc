#include "shared/base/version.h"

#include <cstdio>

#include "master/command.h"

namespace apisix::master {

int run_version(const Invocation& in) {
  std::printf("%s\n", base::kCompatibleVersion.data());
  if (in.verbose) std::printf("apisix-cpp %s\n", base::own_version().data());
  return kExitDone;
}

}  // namespace apisix::master
