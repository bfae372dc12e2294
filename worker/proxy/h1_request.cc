#include "worker/proxy/h1_request.h"

#include "shared/http/h1/request_parser.h"
#include "worker/proxy/client_connection.h"

namespace apisix::proxy {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// RFC 9112 6.3: by length when it is known, else chunked, to an old client until the connection ends.
http::Framing framing_of(const ResponseHeadWrite& head, http::Protocol protocol) {
  if (!head.has_body) return http::Framing::kNone;
  if (head.has_content_length) return http::Framing::kLength;
  return protocol == http::Protocol::k10 ? http::Framing::kUntilClose : http::Framing::kChunked;
}

}  // namespace

H1Request::H1Request(H1Session& session)
    : session_(session),
      stream_(session.connection().services(), session.connection().listener(), session.connection().info(),
              *this),
      decoder_(stream_.arena()) {}

// --- the request

void H1Request::start(std::string_view head, const http::HeadLines& lines) {
  base::Arena& arena = stream_.arena();
  const Services& services = session_.connection().services();
  auto parsed = http::parse_request_head(arena.copy(head), arena, services.request_limits, lines);
  if (!parsed) {
    const http::ParseError& fault = parsed.error();
    return stream_.on_bad_request(*fault.request, head.size(), fault.status, fault.what);
  }
  http::RequestHead& request = **parsed;
  protocol_ = request.protocol;
  expects_continue_ = request.expect_continue;
  keep_alive_ = request.keep_alive && services.options.keepalive_timeout_ms > 0;
  decoder_.start(request.framing, request.content_length);
  stream_.on_request(request, head.size());
}

// Of what was read the first line is for the logs.
void H1Request::refuse_bytes(std::string_view bytes, std::uint16_t status, const char* what) {
  base::Arena& arena = stream_.arena();
  auto* head = arena.make<http::RequestHead>();
  head->request_line = arena.copy(http::first_line(bytes).substr(0, limits::kRequestLineBytesMax));
  stream_.on_bad_request(*head, bytes.size(), status, what);
}

// What follows is not a message: it is not to be read as one (RFC 9112 9.3).
void H1Request::discard_request() {
  keep_alive_ = false;
  decoder_.start(http::Framing::kUntilClose, 0);
}

ClientExchange::Read H1Request::read_content(Pieces& content) {
  while (!decoder_.done() && !session_.unread().empty()) {
    const http::H1BodyDecoder::Step step = decoder_.take(session_.unread(), content);
    session_.consume_unread(step.consumed);  // the bytes stay where they are until this turn ends
    if (step.result == http::H1BodyDecoder::Result::kBad) return {ReadResult::kBad, step.bytes};
    // Without content it was a part of a chunk's line.
    if (step.bytes > 0 || step.consumed == 0)
      return {decoder_.done() ? ReadResult::kEnd : ReadResult::kMore, step.bytes};
  }
  return {decoder_.done() ? ReadResult::kEnd : ReadResult::kMore, 0};
}

void H1Request::send_continue_if_expected() {
  if (!expects_continue_ || head_written_) return;
  if (decoder_.done() || !session_.unread().empty()) return;  // it did not wait
  expects_continue_ = false;
  const iovec piece = net::piece(kContinue);
  session_.connection().write({&piece, 1});
}

// --- the response

bool H1Request::write_informational(const ResponseHeadWrite& head) {
  if (protocol_ == http::Protocol::k10) return true;  // RFC 9110 15.2
  http::ResponseWrite write;
  write.status = head.status;
  write.reason = head.reason;
  write.framing = http::Framing::kNone;
  write.headers = head.headers;
  Pieces pieces;
  pieces.add(http::write_response_head(write, stream_.arena()));
  return this->write(pieces);
}

std::string_view H1Request::make_head(const ResponseHeadWrite& head, http::ConnectionOption connection,
                                      std::string_view upgrade_protocol) {
  http::ResponseWrite write;
  write.status = head.status;
  write.reason = head.reason;
  write.framing = response_framing_;
  write.content_length = head.content_length;
  write.has_content_length = head.has_content_length;
  write.connection = connection;
  write.upgrade_protocol = upgrade_protocol;
  write.headers = head.headers;
  head_written_ = true;
  return http::write_response_head(write, stream_.arena());
}

ClientExchange::HeadWritten H1Request::write_head(const ResponseHeadWrite& head, const Content& content) {
  response_framing_ = framing_of(head, protocol_);
  // A body that is still in flight will be read, unless it has been refused (keep_alive_ is off then).
  keep_alive_ =
      may_keep_client(keep_alive_, response_framing_ != http::Framing::kUntilClose, true, is_draining());
  const std::string_view text =
      make_head(head, keep_alive_ ? http::ConnectionOption::kKeepAlive : http::ConnectionOption::kClose, {});
  Pieces pieces;
  pieces.add(text);
  http::add_framed(content, response_framing_, stream_.arena(), pieces);
  return {write(pieces), text.size()};
}

bool H1Request::write_body(const Content& content) {
  Pieces pieces;
  http::add_framed(content, response_framing_, stream_.arena(), pieces);
  return write(pieces);
}

bool H1Request::write(const Pieces& pieces) {
  return pieces.empty() || session_.connection().write(pieces.span());
}

std::size_t H1Request::unsent_bytes() const {
  return session_.connection().output_pending();
}

// --- the end

bool H1Request::is_draining() const {
  return session_.connection().services().draining;
}

// A drain may have begun since the head was written.
void H1Request::finish(Ending ending) {
  if (ending == Ending::kClientGone) return session_.end_request(AfterResponse::kClose);
  AfterResponse after = decide_client({.wants_keep_alive = keep_alive_,
                                       .request_read = decoder_.done(),
                                       .response_complete = ending == Ending::kWhole,
                                       .response_delimited = response_framing_ != http::Framing::kUntilClose,
                                       .draining = is_draining(),
                                       .more_received = !session_.unread().empty()});
  // The end of the response may still be in the turn's batch: the close waits for a client that is slow.
  if (after == AfterResponse::kClose && !session_.connection().send_queued()) after = AfterResponse::kLinger;
  session_.end_request(after);
}

// --- an upgrade

ClientExchange::HeadWritten H1Request::start_tunnel(const ResponseHeadWrite& head, std::string_view protocol,
                                                    std::string_view bytes) {
  response_framing_ = http::Framing::kNone;
  keep_alive_ = may_keep_client(keep_alive_, true, true, is_draining());
  const std::string_view text = make_head(head, http::ConnectionOption::kUpgrade, protocol);
  session_.become_tunnel();
  Pieces pieces;
  pieces.add(text);
  pieces.add(bytes);
  return {write(pieces), text.size()};
}

bool H1Request::write_tunnel(std::string_view bytes) {
  Pieces pieces;
  pieces.add(bytes);
  return write(pieces);
}

void H1Request::shutdown_write() {
  session_.connection().shutdown_write();
}

void H1Request::stop_reading() {
  session_.connection().want_read(false);
}

}  // namespace apisix::proxy
