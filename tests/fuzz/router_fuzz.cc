// A random life of a router per input: edited in place == built afresh == the rules over a plain list.
// The first byte picks the kind, every further byte is one choice of the script.
#include <cstdio>
#include <cstdlib>

#include "tests/unit/worker/route/router_script.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix::route;
  if (size == 0) return 0;
  const auto kind = static_cast<RouterKind>(data[0] % 3);
  std::size_t at = 1;
  RouterScript script(kind, 12, [&](unsigned n) { return at < size ? data[at++] % n : 0; });
  while (at < size) {
    std::string wrong = script.edit();
    if (wrong.empty()) wrong = script.compare(3, true);
    if (!wrong.empty()) {
      std::fprintf(stderr, "%s\n", wrong.c_str());
      std::abort();
    }
  }
  return 0;
}
