// apisix init: everything that `start` does before it starts anything.
#include "master/document.h"
#include "master/running.h"

namespace apisix::master {

int run_init(const Invocation& in) {
  const auto path = current_config(in);
  const auto setup = path ? make_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) return failed(setup.error());
  if (const auto readable = check_document(**setup); !readable) return failed(readable.error());
  print_remarks(**setup);
  return kExitDone;
}

}  // namespace apisix::master
