#define XXH_INLINE_ALL
#include "worker/route/key_table.h"

#include <xxhash.h>

namespace apisix::route {

std::uint64_t hash_of_key(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}

}  // namespace apisix::route
