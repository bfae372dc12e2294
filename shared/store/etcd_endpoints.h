// EtcdEndpoints: which of the configured endpoints is asked next. It stays with the one that replies; one
// that failed is not retried for a while, unless all have failed. Owned by EtcdClient; knows no network.
//
//   usable --mark_failed()--> left alone until rest_ms have passed --> usable      --mark_replied()-->
//   usable
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::store {

struct EtcdAddress {
  bool tls = false;
  std::string host;  // IPv6 without brackets
  std::uint16_t port = 2379;
};

// "http://host[:port]", "https://[::1]:2379"; what follows the authority is ignored, as APISIX does.
base::Result<EtcdAddress> parse_etcd_address(std::string_view url);

class EtcdEndpoints {
 public:
  // `first` spreads processes over the members of a cluster.
  EtcdEndpoints(std::size_t count, std::size_t first, std::uint64_t rest_ms);

  std::size_t size() const { return rests_until_ms_.size(); }
  std::size_t current() const { return current_; }
  // The current one unless it rests; else the next that does not; else the one that has rested longest.
  std::size_t pick(std::uint64_t now_ms);
  // True when it was usable so far.
  bool mark_failed(std::size_t index, std::uint64_t now_ms);
  void mark_replied(std::size_t index);

 private:
  std::vector<std::uint64_t> rests_until_ms_;  // 0 = usable
  std::size_t current_;
  std::uint64_t rest_ms_;
};

}  // namespace apisix::store
