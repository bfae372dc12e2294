#include "worker/proxy/response_writer.h"

#include "shared/base/arena_text.h"
#include "worker/plugin/debug_mode.h"
#include "worker/proxy/client_head.h"
#include "worker/proxy/direct_response.h"
#include "worker/proxy/trailers.h"

namespace apisix::proxy {

using State = ResponseWriter::State;

const char* to_string(State state) {
  switch (state) {
    case State::kNew:
      return "New";
    case State::kFiltered:
      return "Filtered";
    case State::kStarted:
      return "Started";
    case State::kComplete:
      return "Complete";
  }
  return "?";
}

ResponseWriter::ResponseWriter(Services& services, ClientExchange& exchange, plugin::RequestState& request,
                               plugin::ChainRun* chains, base::Delegate<void()> on_client_gone)
    : services_(services),
      exchange_(exchange),
      request_(request),
      chains_(chains),
      on_client_gone_(on_client_gone) {}

bool ResponseWriter::has_no_body() const {
  const std::uint16_t status = request_.response.status;
  return request_.head->method == http::Method::kHead || status == 204 || status == 304 || status < 200;
}

// --- plugins' filters

void ResponseWriter::filter_head() {
  if (state_ != State::kNew) return;
  state_.move_to(State::kFiltered);
  // Before the filters: plugins may put another one in its place.
  request_.response.headers.set_valid(request_.arena, services_.options.server_header.field());
  if (chains_ == nullptr) return;
  plugin::DebugTrace* trace = plugin::find_trace(request_);
  if (trace != nullptr) trace->on_phase("http_header_filter_phase", request_);
  if (chains_->has(plugin::Phase::kHeaderFilter)) {
    chains_->filter_header();
    if (request_.response.coder != nullptr) request_.choose_body_coder();
  }
  if (trace != nullptr) {
    trace->on_phase_done("http_header_filter_phase", request_);
    trace->report(chains_->route(), request_);
  }
  if (chains_->has(plugin::Phase::kBodyFilter) || chains_->has(plugin::Phase::kDelayedBodyFilter) ||
      request_.response.coder != nullptr) {
    body_filter_ = std::make_unique<plugin::Body>(&services_.bodies);
  }
  if (request_.response.refusal != 0) [[unlikely]]
    refuse_body();
}

// Its first piece breaks off, before anything is written.
void ResponseWriter::refuse_body() {
  request_.response.body_is_held = true;
  if (!body_filter_) body_filter_ = std::make_unique<plugin::Body>(&services_.bodies);
  body_filter_->break_off();
}

ResponseWriter::Filtered ResponseWriter::filter_body(std::string_view data, bool last, bool flush) {
  const bool drop = has_no_body();
  if (!body_filter_) return {drop ? std::string_view{} : data, last, false};
  plugin::Body& body = *body_filter_;
  if (!body.is_unfinished()) body.begin(data, last, flush);
  plugin::DebugTrace* trace = plugin::find_trace(request_);
  if (trace != nullptr) trace->on_phase("http_body_filter_phase", request_);
  chains_->filter_body(body);
  if (trace != nullptr) trace->on_phase_done("http_body_filter_phase", request_);
  plugin::BodyCoder* coder = request_.response.coder.get();
  if (coder != nullptr && !drop && !body.is_broken()) {
    const std::string_view plain = body.data();
    if (!coder->encode(plain, body.flush(), body.last(), body.output())) body.break_off();
    body.end_filter(true);
  }
  return {drop ? std::string_view{} : body.data(), body.last(), body.is_broken()};
}

void ResponseWriter::take_trailers(const http::HeaderMap* sent) {
  plugin::ResponseState& response = request_.response;
  const bool body_changed = response.body_changes || response.coder != nullptr;
  if (sent != nullptr) join_trailers(response.trailers, *sent, body_changed, request_.arena);
}

// All of it, for a response of the gateway's own: those are short.
ResponseWriter::Filtered ResponseWriter::filter_whole_body(std::string_view data) {
  Filtered filtered = filter_body(data, true, true);
  if (!is_filter_unfinished()) return filtered;
  base::ArenaText whole;
  whole.append(request_.arena, filtered.bytes);
  while (is_filter_unfinished() && !filtered.broken) {
    filtered = filter_body({}, false, true);
    whole.append(request_.arena, filtered.bytes);
  }
  return {whole.view(), true, filtered.broken};
}

// --- content as it comes

ResponseHeadWrite ResponseWriter::complete_head(BodyLength length) {
  complete_response_headers(request_, services_.options, services_.date);
  state_.move_to(State::kStarted);
  const plugin::ResponseState& response = request_.response;
  return {.status = response.status,
          .reason = response.reason,
          .headers = &response.headers,
          .has_body = !has_no_body(),
          .has_content_length = length.is_known,
          .content_length = length.bytes};
}

bool ResponseWriter::note_written(bool is_open) {
  if (!is_open) on_client_gone_();
  return is_open;
}

bool ResponseWriter::note_head_written(ClientExchange::HeadWritten written) {
  request_.response.bytes_sent += written.head_bytes;
  return note_written(written.is_open);
}

bool ResponseWriter::write_informational(const http::ResponseHead& head) {
  return note_written(exchange_.write_informational(
      {.status = head.status, .reason = head.reason, .headers = &head.headers, .has_body = false}));
}

// Of plugins, to go behind the end.
bool ResponseWriter::has_trailers(const Content& content) const {
  return content.end && request_.response.trailers != nullptr;
}

Content ResponseWriter::with_trailers(Content content) {
  take_trailers(content.trailers);
  const http::HeaderMap* all = request_.response.trailers;
  content.trailers = all->empty() ? nullptr : all;
  return content;
}

bool ResponseWriter::write_head(BodyLength length, const Content& content) {
  const ResponseHeadWrite head = complete_head(length);
  if (has_trailers(content)) [[unlikely]]
    return note_head_written(exchange_.write_head(head, with_trailers(content)));
  return note_head_written(exchange_.write_head(head, content));
}

bool ResponseWriter::write_body(const Content& content) {
  if (has_trailers(content)) [[unlikely]]
    return note_written(exchange_.write_body(with_trailers(content)));
  return note_written(exchange_.write_body(content));
}

void ResponseWriter::complete() {
  state_.move_to(State::kComplete);
  request_.response.bytes_sent += request_.response.body_bytes_sent;
}

// --- a response of the gateway's own

ResponseWriter::Sent ResponseWriter::send(const plugin::DirectResponse& direct) {
  if (state_ == State::kFiltered) take_back();
  plugin::ResponseState& response = request_.response;
  response.status = direct.status;
  response.from_upstream = false;
  response.is_streamed = false;  // one of which nothing was written may stand behind it
  response.trailers = nullptr;
  if (!direct.content_type.empty() && !response.headers.has(http::KnownHeader::kContentType)) {
    response.headers.set(request_.arena, http::KnownHeader::kContentType, direct.content_type);
  }
  if (direct.grpc_code) [[unlikely]]
    add_grpc_status(direct, response.headers, request_.arena);
  request_.direct_response = direct;  // for Response::body_bytes()
  filter_head();
  const bool without_body = has_no_body();
  std::string_view body = without_body ? std::string_view{} : request_.direct_response.body;
  // RFC 9110 8.6: none in a 204; a 304 has the length of what it stands for, which is not known here.
  BodyLength length{response.status != 204 && response.status != 304, request_.direct_response.body.size()};
  if (filters_body()) {
    const Filtered filtered = filter_whole_body(request_.direct_response.body);
    if (filtered.broken) return Sent::kRefused;
    body = filtered.bytes;
    if (!without_body) length.bytes = body.size();
    length.is_known &= !without_body || !response.body_changes;
  }
  response.body_bytes_sent += body.size();
  const iovec piece = net::piece(body);
  const Content content{
      .pieces = {&piece, body.empty() ? 0U : 1U}, .bytes = body.size(), .end = true, .trailers = nullptr};
  return write_head(length, content) ? Sent::kWhole : Sent::kClientGone;
}

// A head was only filtered, and not sent: what it said is not true any more (RFC 9110 15.6.3). Filters have
// run once and do not see what is sent in its place.
void ResponseWriter::take_back() {
  body_filter_.reset();
  plugin::ResponseState& response = request_.response;
  response.headers.remove_if([](const http::HeaderField&) { return true; });
  response.headers.set_valid(request_.arena, services_.options.server_header.field());
  response.reason = {};
  response.bytes_sent = 0;
  response.body_bytes_sent = 0;
  response.body_changes = false;
}

// --- an upgrade

bool ResponseWriter::start_tunnel(std::string_view bytes) {
  const std::string_view protocol =
      request_.response.upstream_head->headers.value(http::KnownHeader::kUpgrade);
  return note_head_written(exchange_.start_tunnel(complete_head({}), protocol, bytes));
}

bool ResponseWriter::write_tunnel(std::string_view bytes) {
  return note_written(exchange_.write_tunnel(bytes));
}

}  // namespace apisix::proxy
