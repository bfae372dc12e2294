// Exchanges with nodes without a protocol and without sockets: a test sees what Forward wrote, and says what
// the node does.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/upstream/exchange.h"
#include "worker/upstream/pool.h"

namespace apisix::proxy {

class FakeExchange final : public upstream::Exchange {
 public:
  using Kind = upstream::Exchange::FailureKind;

  // How it begins.
  struct Plan {
    bool is_connected = true;
    bool is_in_line = false;
    bool breaks_at_write = false;  // the head is not taken
    bool is_stale = false;
    Kind kind = Kind::kSend;  // how the write fails
  };

  FakeExchange(const upstream::Opening& opening, User& user, Plan plan)
      : method(opening.method),
        endpoint(opening.endpoint),
        protocol(opening.protocol),
        is_grpc(opening.is_grpc),
        user_(user),
        arena_(opening.arena),
        plan_(plan) {}

  // --- what Forward did
  const http::Method method;
  const upstream::Endpoint endpoint;
  const http::Protocol protocol;
  const bool is_grpc;
  std::string target;
  std::string host;
  http::Framing framing = http::Framing::kNone;
  std::uint64_t content_length = 0;
  std::string body;
  std::string trailer;  // the value of X-T
  bool request_ended = false;
  int writes = 0;
  int pauses = 0;
  bool is_paused = false;
  bool is_tunnel = false;
  bool is_aborted = false;
  bool was_reset = false;
  bool is_shut_down = false;

  // --- what the node does
  std::size_t unsent = 0;
  std::size_t unsent_after_write = 0;  // of a tunnel
  void connect() {
    plan_.is_connected = true;
    user_.on_connected();
  }
  void take_everything() {
    unsent = 0;
    user_.on_request_writable();
  }
  http::ResponseHead& head(std::uint16_t status, http::Framing framing = http::Framing::kChunked,
                           std::uint64_t length = 0) {
    bytes_received_ += 100;
    auto* head = arena_.make<http::ResponseHead>();
    head->status = status;
    head->framing = framing;
    head->has_content_length = framing == http::Framing::kLength;
    head->content_length = length;
    return *head;
  }
  void inform(std::uint16_t status) { user_.on_informational(head(status)); }
  void begin(http::ResponseHead& head) { user_.on_response(head); }
  void content(std::string_view bytes, bool end = false, bool more_at_hand = false,
               const http::HeaderMap* trailers = nullptr) {
    bytes_received_ += bytes.size();
    const iovec piece = net::piece(bytes);
    user_.on_response_content({.pieces = {&piece, bytes.empty() ? 0U : 1U},
                               .bytes = bytes.size(),
                               .end = end,
                               .trailers = trailers},
                              more_at_hand);
  }
  void respond(std::string_view bytes) {
    begin(head(200, http::Framing::kLength, bytes.size()));
    content(bytes, true);
  }
  void upgrade(http::ResponseHead& head, std::string_view bytes) { user_.on_upgrade(head, bytes); }
  void tunnel(std::string_view bytes) { user_.on_tunnel_bytes(bytes); }
  void close_tunnel() { user_.on_tunnel_closed(); }
  void fail(Failure failure) { user_.on_failed(failure); }
  void break_off() { fail({.kind = Kind::kReceive, .processed = processed_, .what = "it broke"}); }

  // --- Exchange
  bool is_connected() const override { return plan_.is_connected; }
  bool is_in_line() const override { return plan_.is_in_line; }
  bool write_head(const http::RequestWrite& head, const http::Content& first) override {
    if (plan_.breaks_at_write) {
      failure_ = {.kind = plan_.kind, .processed = Processed::kNo, .is_stale = plan_.is_stale};
      return false;
    }
    target = head.target;
    host = head.host;
    framing = head.framing;
    content_length = head.content_length;
    bytes_sent_ += 100;
    note(first);
    return true;
  }
  bool write_body(const http::Content& content) override {
    note(content);
    return true;
  }
  std::size_t unsent_bytes() const override { return unsent; }
  void pause_response() override {
    is_paused = true;
    ++pauses;
  }
  void resume_response() override { is_paused = false; }
  void start_tunnel() override { is_tunnel = true; }
  bool write_tunnel(std::string_view bytes) override {
    body += bytes;
    unsent += unsent_after_write;
    return true;
  }
  void shutdown_write() override { is_shut_down = true; }
  void abort(bool reset) override {
    is_aborted = true;
    was_reset = reset;
  }
  const net::TlsInfo* tls() const override { return nullptr; }

 private:
  void note(const http::Content& content) {
    ++writes;
    processed_ = Processed::kMaybe;
    bytes_sent_ += content.bytes;
    for (const iovec& piece : content.pieces)
      body.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    request_ended |= content.end;
    if (content.trailers == nullptr) return;
    if (const http::HeaderField* field = content.trailers->find("x-t")) trailer = field->value;
  }

  User& user_;
  base::Arena& arena_;
  Plan plan_;
};

// Opens exchanges as planned; ones that are connected and take everything when nothing is planned.
class FakeOpener final : public upstream::ExchangeOpener {
 public:
  base::Result<std::unique_ptr<upstream::Exchange>> open(const upstream::Opening& opening,
                                                         upstream::Exchange::User& user) override {
    if (!refusals.empty()) {
      const base::Error error = refusals.front();
      refusals.pop_front();
      return std::unexpected(error);
    }
    FakeExchange::Plan plan;
    if (!plans.empty()) {
      plan = plans.front();
      plans.pop_front();
    }
    auto exchange = std::make_unique<FakeExchange>(opening, user, plan);
    exchanges.push_back(exchange.get());
    return exchange;
  }

  std::deque<base::Error> refusals;
  std::deque<FakeExchange::Plan> plans;
  std::vector<FakeExchange*> exchanges;  // of the requests that there are
};

}  // namespace apisix::proxy
