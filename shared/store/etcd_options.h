// The options of the etcd provider: deployment.etcd of config.yaml, with files already named absolutely.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace apisix::store {

struct EtcdTls {
  std::string ca;    // file of trusted certificates; empty: gRPC's own choice
  std::string cert;  // files of our certificate and its key; empty: none is shown
  std::string key;
  std::string sni;  // instead of the host of the endpoint, also for the check of its certificate
  bool verify = true;

  bool operator==(const EtcdTls&) const = default;
};

struct EtcdOptions {
  std::vector<std::string> hosts;  // "http://127.0.0.1:2379"
  std::string prefix = "/apisix";  // the one watch covers prefix + "/"
  std::string user;                // empty: no authentication
  std::string password;
  EtcdTls tls;
  std::uint64_t timeout_ms = 30'000;        // of a call, over all the endpoints that are tried
  std::uint64_t watch_timeout_ms = 50'000;  // the timeout of a silent watch, which is then opened again
  std::uint64_t resync_delay_ms = 5'000;  // the longest wait between two attempts, and half as much at random
  std::uint64_t health_check_timeout_ms = 10'000;  // until the retry of an endpoint that failed
  std::int64_t page_items = 10'000;                // of a list, at most; a page is also kept near 4 MB
};

}  // namespace apisix::store
