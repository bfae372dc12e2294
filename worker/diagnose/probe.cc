#include "worker/diagnose/probe.h"

#include "shared/http/h1/request_parser.h"
#include "worker/proxy/request_target.h"
#include "worker/proxy/upstream_head.h"

namespace apisix::diagnose {

Probe::Probe(const Question& question, const proxy::Options& options, const base::Clock& clock,
             std::uint16_t port)
    : request_(arena_, clock) {
  client_.peer_ip = question.client_ip;
  client_.local_port = question.port != 0 ? question.port : port;
  if (question.is_tls) client_.set_tls(tls_);
  client_.requests = 1;
  request_.client.connection = &client_;
  request_.client.ip = question.client_ip;
  request_.received.monotonic_us = clock.monotonic_us();
  request_.received.wall_us = clock.wall_us();
  const std::string_view head = arena_.copy(question.head());
  request_.received.bytes = head.size();
  const auto parsed = http::parse_request_head(head, arena_, options.request_limits());
  if (!parsed) {
    refused_status_ = parsed.error().status;
    refused_why_ = parsed.error().what;
    return;
  }
  request_.head = *parsed;
  if (const proxy::TargetFault fault = proxy::normalize_target(request_, options)) {
    refused_status_ = fault.status;
    refused_why_ = fault.what;
    return;
  }
  proxy::apply_real_ip(request_, options);
  proxy::apply_forwarded_headers(request_, options);
}

}  // namespace apisix::diagnose
