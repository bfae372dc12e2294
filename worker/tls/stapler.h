// Stapler: OCSP responses for the certificates of identities, fetched in the background and kept current as
// long as an identity is in use. A handshake never waits: until a response is here, none is stapled. Owned by
// config::SslTable.
//
//   follow() --> asking --good response--> stapled --due--> asking (the old one is shown until it is too old)
//                  `--none, or a bad one--> waiting --retry--> asking          stop(): from any state
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "shared/async/signal.h"
#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "worker/tls/identity.h"

namespace apisix::tls {

// `ocsp_stapling` of an object.
struct StaplingConf {
  bool is_enabled = false;
  bool verifies = true;        // that the response is signed by the issuer, in time, and "good"
  std::uint32_t ttl_s = 3600;  // of a response; less when it is due before
};

class Stapler {
 public:
  Stapler(event::Loop& loop, client::HttpClient& http) : loop_(loop), http_(http), call_ended_(loop) {}
  Stapler(const Stapler&) = delete;
  Stapler& operator=(const Stapler&) = delete;

  // `identity` stays until stop().
  void follow(const Identity& identity, const StaplingConf& conf);
  // Nothing happens when it is not followed.
  void stop(const Identity& identity) { jobs_.erase(&identity); }

  std::size_t followed() const { return jobs_.size(); }
  // Some of them are asked about for the first time.
  bool is_asking() const { return first_rounds_ > 0; }

 private:
  struct Response {
    std::string der;
    std::int64_t due_s = 0;  // Unix time: when the next one is fetched
    std::int64_t end_s = 0;  // when it may not be shown any more
  };

  async::Task<void> keep_current(const Identity& identity, StaplingConf conf);
  // Returns when it is to be called again, in seconds.
  async::Task<std::int64_t> refresh(const Identity& identity, const ShownCertificate& shown,
                                    StaplingConf conf);
  async::Task<base::Result<Response>> fetch(const net::TlsCertificate& certificate, StaplingConf conf);
  void remember(const std::string& fingerprint, Response response);
  std::int64_t now_s() const { return loop_.clock().wall_seconds(); }

  event::Loop& loop_;
  client::HttpClient& http_;
  async::Signal call_ended_;
  unsigned calls_ = 0;
  unsigned first_rounds_ = 0;  // of those that are followed
  // By the fingerprint of the certificate: an object that is replaced, or was not used for long, need not ask
  // again for what is still current.
  std::unordered_map<std::string, Response> responses_;
  std::unordered_map<const Identity*, async::Task<void>> jobs_;
};

}  // namespace apisix::tls
