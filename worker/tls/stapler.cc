#include "worker/tls/stapler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "shared/base/log.h"
#include "shared/net/tls_ocsp.h"
#include "worker/limits.h"

namespace apisix::tls {
namespace {

constexpr unsigned kCallsMax = 16;  // at once: a responder serves many
constexpr std::uint64_t kCallTimeoutMs = 10'000;
constexpr std::size_t kResponseBytesMax = std::size_t{64}
                                          << 10;  // RFC 6960 says none; they have 0.5 to 3 KiB
constexpr std::int64_t kRetryS = 60;
// A response is fetched again this long before it is too old: time for a few retries.
constexpr std::int64_t kEarlyS = 600;
constexpr std::int64_t kLeastTtlS = 60;
constexpr std::int64_t kDayS = 86'400;

// Counts what is under way for as long as it lives: also when it is cancelled.
class Counted {
 public:
  explicit Counted(unsigned& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  unsigned& count_;
};

std::unexpected<base::Error> no_response(std::string what, bool retryable = true) {
  return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream, std::move(what), retryable);
}

}  // namespace

void Stapler::follow(const Identity& identity, const StaplingConf& conf) {
  async::Task<void>& job = jobs_[&identity];
  job = keep_current(identity, conf);
  job.start();
}

async::Task<void> Stapler::keep_current(const Identity& identity, StaplingConf conf) {
  async::Signal never(loop_);
  std::optional<Counted> first_round(std::in_place, first_rounds_);
  for (;;) {
    std::int64_t next_s = kDayS;
    for (const ShownCertificate& shown : identity.certificates()) {
      const std::int64_t shown_next_s = co_await refresh(identity, shown, conf);
      next_s = std::min(next_s, shown_next_s);
    }
    first_round.reset();
    co_await never.wait(static_cast<std::uint64_t>(next_s) * 1000);
  }
}

async::Task<std::int64_t> Stapler::refresh(const Identity& identity, const ShownCertificate& shown,
                                           StaplingConf conf) {
  const std::string fingerprint = shown.certificate.fingerprint();
  if (const auto known = responses_.find(fingerprint);
      known != responses_.end() && known->second.due_s > now_s() &&
      net::check_ocsp_response(known->second.der, shown.certificate, conf.verifies)) {
    shown.ocsp_response = known->second.der;
    co_return known->second.due_s - now_s();
  }
  while (calls_ >= kCallsMax) co_await call_ended_.wait(kCallTimeoutMs);
  auto response = co_await fetch(shown.certificate, conf);
  call_ended_.notify();
  if (response) {
    shown.ocsp_response = response->der;
    const std::int64_t next_s = response->due_s - now_s();
    remember(fingerprint, std::move(*response));
    co_return next_s;
  }
  base::log_error("no ocsp response send: {}, ssls/{}", response.error().what, identity.id());
  const auto last = responses_.find(fingerprint);
  if (last == responses_.end() || last->second.end_s <= now_s()) shown.ocsp_response.clear();
  co_return response.error().retryable ? kRetryS : kDayS;
}

async::Task<base::Result<Stapler::Response>> Stapler::fetch(const net::TlsCertificate& certificate,
                                                            StaplingConf conf) {
  auto question = net::ocsp_question(certificate);
  // The certificate has no responder, which will not change.
  if (!question) co_return no_response(std::move(question.error().what), false);
  client::HttpRequest request;
  request.method = "POST";
  request.url = std::move(question->url);
  request.headers = {{"Content-Type", "application/ocsp-request"}};
  request.body = std::move(question->request);
  request.timeout_ms = kCallTimeoutMs;
  request.response_bytes_max = kResponseBytesMax;
  const Counted call(calls_);
  auto reply = co_await http_.send(std::move(request));
  if (!reply) co_return no_response("ocsp responder query failed: " + reply.error().what);
  if (reply->status != 200) {
    co_return no_response("ocsp responder returns bad http status code: " + std::to_string(reply->status));
  }
  if (reply->body.empty()) co_return no_response("ocsp responder returns empty body");
  const auto checked = net::check_ocsp_response(reply->body, certificate, conf.verifies);
  if (!checked) co_return no_response("failed to validate ocsp response: " + checked.error().what);
  const std::int64_t ttl_end_s = now_s() + std::max<std::int64_t>(conf.ttl_s, kLeastTtlS);
  const std::int64_t end_s = checked->next_update_s != 0 ? checked->next_update_s : ttl_end_s;
  const std::int64_t due_s = std::max(std::min(ttl_end_s, end_s - kEarlyS), now_s() + kRetryS);
  co_return Response{std::move(reply->body), due_s, end_s};
}

void Stapler::remember(const std::string& fingerprint, Response response) {
  if (responses_.size() >= limits::kIdentitiesMax) {
    std::erase_if(responses_, [now = now_s()](const auto& entry) { return entry.second.due_s <= now; });
    if (responses_.size() >= limits::kIdentitiesMax) responses_.clear();
  }
  responses_[fingerprint] = std::move(response);
}

}  // namespace apisix::tls
