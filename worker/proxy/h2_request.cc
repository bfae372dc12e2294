#include "worker/proxy/h2_request.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_writer.h"
#include "worker/proxy/client_connection.h"

namespace apisix::proxy {
namespace {

using h2::ErrorCode;
using http::KnownHeader;

constexpr std::uint32_t kTrailersMax = 64;
constexpr std::size_t kTrailerBytesMax = http::ChunkedDecoder::kTrailerBytesMax;

// The fields of one block on their way to the engine, which copies them. One of a thread: blocks are made one
// at a time.
class FieldBlock {
 public:
  FieldBlock() { fields().clear(); }

  void add(std::string_view name, std::string_view value, bool never_index = false) {
    fields().push_back({name, value, never_index});
  }
  void add_status(std::uint16_t status) {
    http::append_decimal(status_.data(), status);
    add(":status", {status_.data(), status_.size()});
  }
  void add_length(std::uint64_t bytes) {
    const char* const end = http::append_decimal(length_.data(), bytes);
    add("content-length", {length_.data(), static_cast<std::size_t>(end - length_.data())});
  }
  // Without those of one connection (RFC 9113 8.2.2).
  void add(const http::HeaderMap& headers) {
    for (const http::HeaderField& field : headers) {
      if (!http::is_hop_by_hop(field)) add(field.name, field.value, differs_each_time(field.id));
    }
  }
  std::span<const h2::Field> view() const { return fields(); }

 private:
  static std::vector<h2::Field>& fields() {
    static thread_local std::vector<h2::Field> kept;
    return kept;
  }
  // In the table they would only push out what comes again.
  static bool differs_each_time(KnownHeader id) {
    return id == KnownHeader::kXRequestId || id == KnownHeader::kTraceparent || id == KnownHeader::kSetCookie;
  }

  std::array<char, 3> status_;
  std::array<char, 20> length_;
};

}  // namespace

H2Request::H2Request(H2Session& session, h2::StreamId id)
    : session_(session),
      stream_(session.connection().services(), session.connection().listener(), session.connection().info(),
              *this),
      head_(stream_.arena(), session.connection().services().request_limits),
      id_(id),
      head_deadline_ms_(session.connection().services().loop.clock().monotonic_ms() +
                        session.connection().services().options.client_header_timeout_ms) {}

// --- what came, while the engine receives

void H2Request::on_field(std::string_view name, std::string_view value) {
  if (has_.head || marks_.begun) return on_trailer(name, value);
  head_.add(name, value);
  if (head_.is_flood()) session_.engine().fail(ErrorCode::kEnhanceYourCalm);
}

// Read as the trailer section of HTTP/1 is; what is too much is dropped, as trailers may be (RFC 9110 6.5).
void H2Request::on_trailer(std::string_view name, std::string_view value) {
  const std::size_t bytes = name.size() + value.size() + http::kFieldFixedBytes;
  if (marks_.discards || trailer_lines_.size() + bytes > kTrailerBytesMax) {
    marks_.trailers_dropped = true;
    return;
  }
  base::Arena& arena = stream_.arena();
  trailer_lines_.append(arena, name);
  trailer_lines_.append(arena, ": ");
  trailer_lines_.append(arena, value);
  trailer_lines_.append(arena, "\r\n");
}

void H2Request::on_block_end(Block block, bool end) {
  if (block != Block::kHead) return;
  has_.head = true;
  marks_.ends_with_head = end;
  session_.queue(*this);
}

void H2Request::on_data(std::string_view bytes) {
  session_.note_content_frame();
  if (marks_.discards) return session_.engine().consume(id_, bytes.size());
  input_.add(bytes);
  has_.content = true;
  session_.queue(*this);
}

void H2Request::on_end() {
  marks_.input_ended = true;
  has_.content = true;
  session_.queue(*this);
}

void H2Request::on_closed(ErrorCode code) {
  marks_.closed = true;
  if (code == ErrorCode::kProtocolError || code == ErrorCode::kFlowControlError) session_.note_broken(id_);
  if (output_.is_end_framed() && code == ErrorCode::kNoError) return;
  has_.reset = true;
  session_.queue(*this);
}

// --- what the Stream gets of it

void H2Request::run() {
  const Events events = std::exchange(has_, {});
  if (marks_.done) return;
  if (events.reset) return on_connection_reset();
  if (events.head) begin();
  if (!marks_.done && events.content) hand_over_content();
  // More may have come behind what drained: it drains later.
  if (!marks_.done && events.drained && unsent_bytes() == 0) stream_.on_writable();
  if (!marks_.done) input_.keep();
}

void H2Request::begin() {
  marks_.begun = true;
  session_.note_begun();
  auto parsed = head_.finish(marks_.ends_with_head);
  if (head_.is_malformed()) {
    session_.engine().reset(id_, ErrorCode::kProtocolError);
    return finish(Ending::kClientGone);
  }
  marks_.end_taken = marks_.ends_with_head;
  if (!parsed) {
    const http::ParseError& fault = parsed.error();
    return stream_.on_bad_request(*fault.request, head_.list_bytes(), fault.status, fault.what);
  }
  http::RequestHead& request = **parsed;
  marks_.expects_continue = request.expect_continue;
  if (request.upgrade)
    marks_.is_connect = marks_.end_taken = true;  // what comes is no content of the request
  stream_.on_request(request, head_.list_bytes());
}

void H2Request::hand_over_content() {
  if (!marks_.is_tunnel) {
    if (!marks_.end_taken || input_.bytes() > 0) stream_.on_request_content();
    return;
  }
  input_.keep();
  stream_.on_request_content();
  if (marks_.done || !marks_.input_ended || input_.bytes() > 0 || marks_.tunnel_ended) return;
  marks_.tunnel_ended = true;
  stream_.on_client_closed();
}

void H2Request::take_input(std::size_t bytes) {
  if (bytes == 0) return;
  session_.engine().consume(id_, bytes);
  session_.arm_flush();
}

void H2Request::drop_input() {
  take_input(input_.bytes());
  input_.drop();
}

ClientExchange::Read H2Request::read_content(Pieces& content) {
  if (marks_.end_taken) return {ReadResult::kEnd, 0};
  const std::size_t bytes = input_.bytes();
  if (bytes > 0) {
    input_.take(content);
    take_input(bytes);
  }
  if (!marks_.input_ended) return {ReadResult::kMore, bytes};
  marks_.end_taken = true;
  if (!trailer_lines_.empty() && !marks_.trailers_dropped) read_trailers();
  return {ReadResult::kEnd, bytes};
}

void H2Request::read_trailers() {
  base::Arena& arena = stream_.arena();
  auto* const fields = arena.make<http::HeaderMap>();
  if (http::parse_trailers(trailer_lines_.view(), arena, kTrailersMax, *fields) && !fields->empty())
    trailers_ = fields;
}

void H2Request::resume_request() {
  if (marks_.end_taken && !marks_.is_tunnel) return;
  if (input_.bytes() > 0 || marks_.input_ended) {
    has_.content = true;
    session_.queue(*this);
  }
  session_.arm_flush();
}

void H2Request::send_continue_if_expected() {
  if (!marks_.expects_continue || marks_.head_written || marks_.closed) return;
  marks_.expects_continue = false;
  if (marks_.input_ended || input_.bytes() > 0) return;  // it did not wait
  static_cast<void>(write_informational({.status = 100}));
}

void H2Request::discard_request() {
  marks_.discards = true;
  drop_input();
}

// --- deadlines

std::uint64_t H2Request::deadline_ms() {
  if (!marks_.begun) return head_deadline_ms_;
  const std::uint64_t body_ms = stream_.body_deadline_ms();
  return unsent_bytes() > 0 ? std::min(body_ms, stream_.deadlines().send_deadline_ms()) : body_ms;
}

void H2Request::on_deadline() {
  if (marks_.begun) return stream_.on_client_timeout();
  finish(Ending::kBroken);
}

void H2Request::on_connection_reset() {
  marks_.begun ? stream_.on_client_reset() : finish(Ending::kClientGone);
}

void H2Request::shut_down() {
  marks_.begun ? stream_.shut_down() : finish(Ending::kBroken);
}

// --- the response

bool H2Request::write_informational(const ResponseHeadWrite& head) {
  if (head.status == 101 || marks_.closed) return true;  // RFC 9113 8.6
  FieldBlock block;
  block.add_status(head.status);
  if (head.headers != nullptr) block.add(*head.headers);
  session_.engine().submit_informational(id_, block.view());
  return session_.pump();
}

ClientExchange::HeadWritten H2Request::write_head(const ResponseHeadWrite& head, const Content& content) {
  if (!marks_.is_connect || head.status / 100 != 2) return send_head(head, content);
  // To a CONNECT it would say that the tunnel is there (RFC 8441 5).
  ResponseHeadWrite refused = head;
  refused.status = 502;
  return send_head(refused, content);
}

ClientExchange::HeadWritten H2Request::send_head(const ResponseHeadWrite& head, const Content& content) {
  marks_.head_written = true;
  if (marks_.closed) return {!session_.is_broken(), 0};
  FieldBlock block;
  block.add_status(head.status);
  block.add(*head.headers);
  if (head.has_content_length) block.add_length(head.content_length);
  const std::uint64_t before = session_.framed_head_bytes();
  // Behind a head that waits for the socket, finish() may reset nothing: the engine would drop the head.
  const bool is_all = content.end && content.bytes == 0 && content.trailers == nullptr && marks_.input_ended;
  session_.engine().submit_response(id_, block.view(),
                                    is_all ? h2::Engine::Sending::kEnd : h2::Engine::Sending::kData);
  if (is_all) output_.set_end_framed();
  const bool is_open = is_all ? session_.pump() : send(content);
  return {is_open, static_cast<std::size_t>(session_.framed_head_bytes() - before)};
}

bool H2Request::write_body(const Content& content) {
  return send(content);
}

bool H2Request::send(const Content& content) {
  if (marks_.closed || output_.is_end_framed()) return !session_.is_broken();
  const bool waited = unsent_bytes() > 0;
  output_.begin(content);
  session_.engine().resume(id_);
  if (output_.is_direct()) session_.pump();
  session_.note_pending(static_cast<std::ptrdiff_t>(output_.keep_rest(content)));
  if (!waited && unsent_bytes() > 0) {  // from now on it has send_timeout for it
    stream_.deadlines().extend_send();
    session_.engine().resume(id_);
  }
  return !session_.is_broken();
}

h2::EngineStream::Ready H2Request::data_ready(std::size_t bytes_max) {
  const std::size_t at_hand = output_.at_hand();
  Ready ready{.bytes = std::min(at_hand, bytes_max)};
  if (ready.bytes < at_hand || !output_.ends()) return ready;
  ready.end = marks_.promised_end = true;
  if (output_.trailers() == nullptr) return ready;
  ready.trailers = true;
  FieldBlock block;
  block.add(*output_.trailers());
  session_.engine().submit_trailers(id_, block.view());
  if (ready.bytes == 0) note_end_framed();  // there is no frame in front of them
  return ready;
}

void H2Request::take_data(std::size_t bytes, h2::FrameOutput& output) {
  session_.note_framed_content(bytes);
  const std::size_t waited = output_.take(bytes, output);
  if (waited > 0) {
    session_.note_pending(-static_cast<std::ptrdiff_t>(waited));
    stream_.deadlines().extend_send();
  }
  if (marks_.promised_end) return note_end_framed();
  if (waited > 0 && output_.is_direct()) note_drained();
}

void H2Request::note_end_framed() {
  output_.set_end_framed();
  note_drained();
}

// A write that is under way sees it itself.
void H2Request::note_drained() {
  if (output_.is_writing()) return;
  has_.drained = true;
  session_.queue(*this);
}

// An end that is in no frame yet counts: the Stream must not end before it. Beyond the connection's bound
// each stream that waits says so much that its node stops.
std::size_t H2Request::unsent_bytes() const {
  if (marks_.closed || output_.is_end_framed()) return 0;
  const std::size_t waiting = output_.waiting_bytes() + (output_.ends() ? 1 : 0);
  return waiting > 0 && session_.is_over_pending() ? waiting + limits::kOutputPendingBytesMax : waiting;
}

// --- the end

// A response that is whole before its request needs no more of it (RFC 9113 8.1).
void H2Request::finish(Ending ending) {
  marks_.done = true;
  h2::Engine& engine = session_.engine();
  drop_input();
  session_.note_pending(-static_cast<std::ptrdiff_t>(output_.clear()));
  if (!marks_.closed) {
    if (!marks_.input_ended) session_.note_ended_early(id_);
    if (ending == Ending::kBroken) {
      engine.reset(id_, ErrorCode::kInternalError);
    } else if (!output_.is_end_framed()) {
      engine.reset(id_, ErrorCode::kCancel);
    } else if (!marks_.input_ended) {
      engine.reset(id_, ErrorCode::kNoError);
    }
    engine.forget(id_);
  }
  session_.end_request(*this);
}

// --- an upgrade: an extended CONNECT that the node took (RFC 8441)

ClientExchange::HeadWritten H2Request::start_tunnel(const ResponseHeadWrite& head, std::string_view,
                                                    std::string_view bytes) {
  marks_.is_tunnel = true;
  input_.keep();
  auto* const headers = stream_.arena().make<http::HeaderMap>();
  headers->append_if(stream_.arena(), *head.headers, [](const http::HeaderField& field) {
    return field.id != KnownHeader::kSecWebsocketAccept;
  });
  ResponseHeadWrite accepted = head;
  accepted.status = 200;
  accepted.headers = headers;
  accepted.has_content_length = false;
  const iovec piece = net::piece(bytes);
  const Content content{.pieces = {&piece, bytes.empty() ? 0U : 1U}, .bytes = bytes.size()};
  return send_head(accepted, content);
}

void H2Request::consume_tunnel_bytes(std::size_t bytes) {
  input_.consume(bytes);
  take_input(bytes);
}

bool H2Request::write_tunnel(std::string_view bytes) {
  const iovec piece = net::piece(bytes);
  return send({.pieces = {&piece, bytes.empty() ? 0U : 1U}, .bytes = bytes.size()});
}

void H2Request::shutdown_write() {
  static_cast<void>(send({.end = true}));
}

}  // namespace apisix::proxy
