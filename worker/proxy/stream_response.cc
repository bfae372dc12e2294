// What a Stream sends to its client: responses of the gateway's own, and the head and body that its Forward
// has.
#include "worker/plugin/request_log.h"
#include "worker/proxy/client_head.h"
#include "worker/proxy/direct_response.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

// --- of the gateway's own

void Stream::respond(const plugin::DirectResponse& direct) {
  // A plugin's configuration may hold any number.
  if (direct.status < 200 || direct.status > 999) {
    plugin::log_error(request_, "a plugin answers with status {}, which is none", direct.status);
    return respond_error_page(500);
  }
  cancel_hooks();
  if (head_filtered_) take_response_back();
  set_state(State::kResponding);
  plugin::ResponseState& response = request_.response;
  response.status = direct.status;
  response.from_upstream = false;
  if (!direct.content_type.empty() && !response.headers.has(http::KnownHeader::kContentType)) {
    response.headers.set(arena_, http::KnownHeader::kContentType, direct.content_type);
  }
  request_.direct_response = direct;  // for response_length()
  filter_response_head();
  const bool without_body = response_has_no_body();
  std::string_view body = without_body ? std::string_view{} : request_.direct_response.body;
  // RFC 9110 8.6: none in a 204; a 304 has the length of what it stands for, which is not known here.
  BodyLength length{response.status != 204 && response.status != 304, request_.direct_response.body.size()};
  if (filters_response_body()) {
    const Filtered filtered = filter_whole_body(request_.direct_response.body);
    if (filtered.broken) return respond_error_page(502);
    body = filtered.bytes;
    if (!without_body) length.bytes = body.size();
    length.is_known &= !without_body || !response.body_changes;
  }
  response.body_bytes_sent += body.size();
  const iovec piece = net::piece(body);
  const Content content{
      .pieces = {&piece, body.empty() ? 0U : 1U}, .bytes = body.size(), .end = true, .trailers = nullptr};
  if (write_head(length, content)) on_response_complete();
}

void Stream::respond_error_page(std::uint16_t status) {
  request_.direct_response = make_error_page(status, arena_);
  request_.response.headers.remove(http::KnownHeader::kContentType);  // a plugin's, for another body
  respond(request_.direct_response);
}

// A head was only filtered, and not sent: what it said is not true any more (RFC 9110 15.6.3). Filters have
// run once and do not see what is sent in its place.
void Stream::take_response_back() {
  body_filter_.reset();
  plugin::ResponseState& response = request_.response;
  response.headers.remove_if([](const http::HeaderField&) { return true; });
  response.headers.set(arena_, http::KnownHeader::kServer, services_.options.server_header);
  response.reason = {};
  response.bytes_sent = 0;
  response.body_bytes_sent = 0;
  response.body_changes = false;
}

// --- head and body

bool Stream::response_has_no_body() const {
  const std::uint16_t status = request_.response.status;
  return request_.head->method == http::Method::kHead || status == 204 || status == 304 || status < 200;
}

ResponseHeadWrite Stream::complete_head(BodyLength length) {
  complete_response_headers(request_, services_.options, services_.date);
  response_started_ = true;
  const plugin::ResponseState& response = request_.response;
  return {.status = response.status,
          .reason = response.reason,
          .headers = &response.headers,
          .has_body = !response_has_no_body(),
          .has_content_length = length.is_known,
          .content_length = length.bytes};
}

bool Stream::note_head_written(ClientExchange::HeadWritten written) {
  request_.response.bytes_sent += written.head_bytes;
  if (!written.is_open) on_client_reset();
  return written.is_open;
}

bool Stream::write_head(BodyLength length, const Content& content) {
  return note_head_written(exchange_.write_head(complete_head(length), content));
}

bool Stream::write_body(const Content& content) {
  if (exchange_.write_body(content)) return true;
  on_client_reset();
  return false;
}

bool Stream::write_informational(const http::ResponseHead& head) {
  if (exchange_.write_informational(
          {.status = head.status, .reason = head.reason, .headers = &head.headers, .has_body = false})) {
    return true;
  }
  on_client_reset();
  return false;
}

void Stream::on_response_complete() {
  response_complete_ = true;
  request_.response.bytes_sent += request_.response.body_bytes_sent;
  if (exchange_.unsent_bytes() > 0) return;  // on_writable() ends it
  end(ClientExchange::Ending::kWhole);
}

void Stream::abort_response(std::uint16_t status) {
  if (response_started_) return end(ClientExchange::Ending::kBroken);
  respond_error_page(status);
}

// --- an upgrade

bool Stream::start_tunnel(std::string_view bytes) {
  set_state(State::kTunnel);
  const std::string_view protocol =
      request_.response.upstream_head->headers.value(http::KnownHeader::kUpgrade);
  return note_head_written(exchange_.start_tunnel(complete_head({}), protocol, bytes));
}

bool Stream::write_tunnel(std::string_view bytes) {
  if (exchange_.write_tunnel(bytes)) return true;
  on_client_reset();
  return false;
}

}  // namespace apisix::proxy
