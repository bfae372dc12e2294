// The random numbers of plugins: percentages, made-up responses. One source per worker, seeded by the kernel;
// not for secrets.
#pragma once

#include "shared/base/random.h"

namespace apisix::plugin {

base::Random& chance();

// True in `percent` of 100 calls.
inline bool happens(unsigned percent) {
  return chance().below(100) < percent;
}

}  // namespace apisix::plugin
