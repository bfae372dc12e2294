// IdWalk: the ids of a table that may hold very many, some at a time, so that the loop can turn in between.
//   IdWalk walk;   while (registry.walk_ids("routes", walk)) { ...; }   // then walk.ids
// In no order. What comes or goes meanwhile may be in it or not; what was there all the time is in it once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace apisix::config {

struct IdWalk {
  std::vector<std::string> ids;
  // How far it is; a table that was enlarged meanwhile is walked through anew.
  std::size_t bucket = 0;
  std::size_t buckets = 0;
};

// False: that was the last. `table`: a std::unordered_map by id.
template <typename Table>
bool walk_ids(const Table& table, IdWalk& walk) {
  constexpr std::size_t kBucketsAtOnce = 1024;
  if (walk.buckets != table.bucket_count()) {
    walk.ids.clear();
    walk.bucket = 0;
    walk.buckets = table.bucket_count();
  }
  const std::size_t end = std::min(walk.bucket + kBucketsAtOnce, walk.buckets);
  for (; walk.bucket < end; ++walk.bucket) {
    for (auto at = table.begin(walk.bucket); at != table.end(walk.bucket); ++at)
      walk.ids.push_back(at->first);
  }
  return walk.bucket < walk.buckets;
}

}  // namespace apisix::config
