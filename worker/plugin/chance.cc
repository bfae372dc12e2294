#include "worker/plugin/chance.h"

#include <cstdint>
#include <random>

namespace apisix::plugin {

base::Random& chance() {
  static thread_local base::Random source(std::uint64_t{std::random_device{}()} << 32 |
                                          std::random_device{}());
  return source;
}

}  // namespace apisix::plugin
