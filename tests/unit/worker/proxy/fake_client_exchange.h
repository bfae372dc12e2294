// A client's side of a request without a protocol: content is what the test gives, the response is what the
// Stream wrote, before any framing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/proxy/client_exchange.h"

namespace apisix::proxy {

// In HTTP/2, so that it has no line of its own but this one.
inline http::RequestHead& make_request_head(base::Arena& arena, std::string_view method,
                                            http::Framing framing = http::Framing::kNone,
                                            std::uint64_t length = 0) {
  auto* head = arena.make<http::RequestHead>();
  head->method_text = method;
  head->method = http::parse_method(method);
  head->target = head->path = "/path";
  head->authority = "a.test";
  head->request_line = "GET /path HTTP/2";
  head->framing = framing;
  head->content_length = length;
  return *head;
}

class FakeClientExchange final : public ClientExchange {
 public:
  // --- what the test says
  void give(std::string_view bytes) { at_hand += bytes; }
  void give_end() { end_given = true; }
  // No body follows, as a session knows it with the head.
  void end_with_head() {
    give_end();
    Pieces none;
    read_content(none);
  }

  std::size_t piece_bytes_max = SIZE_MAX;  // of one piece of content, as chunks are
  std::string at_hand;                     // content, or bytes of the tunnel
  bool end_given = false;
  bool is_bad = false;
  bool is_connected = true;  // false: writes fail
  std::size_t unsent = 0;
  http::HeaderMap trailers;

  // --- what the Stream did
  std::vector<std::uint16_t> informational;
  std::uint16_t status = 0;
  bool has_body = false;
  bool has_content_length = false;
  std::uint64_t content_length = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::pair<std::string, std::string>> response_trailers;
  std::string body;
  int writes = 0;
  bool ended = false;
  bool closes = false;
  bool discards = false;
  bool continued = false;
  int resumed = 0;
  std::string protocol;
  std::vector<Ending> endings;

  std::string field(std::string_view name) const { return value_in(fields, name); }
  std::string trailer(std::string_view name) const { return value_in(response_trailers, name); }

  // --- ClientExchange
  Read read_content(Pieces& content) override {
    if (is_bad) return {ReadResult::kBad, 0};
    // Views hold until the turn ends: what was handed out is kept.
    handed_out_.push_back(std::move(at_hand));
    at_hand.clear();
    for (std::string_view rest = handed_out_.back(); !rest.empty();
         rest.remove_prefix(std::min(piece_bytes_max, rest.size()))) {
      content.add(rest.substr(0, piece_bytes_max));
    }
    read_end_ = end_given;
    return {read_end_ ? ReadResult::kEnd : ReadResult::kMore, handed_out_.back().size()};
  }
  http::HeaderMap* request_trailers() override { return trailers.empty() ? nullptr : &trailers; }
  bool request_read() const override { return read_end_; }
  void resume_request() override { ++resumed; }
  void send_continue_if_expected() override { continued = true; }
  bool write_informational(const ResponseHeadWrite& head) override {
    informational.push_back(head.status);
    return is_connected;
  }
  HeadWritten write_head(const ResponseHeadWrite& head, const Content& content) override {
    note_head(head);
    note(content);
    return {is_connected, kHeadBytes};
  }
  bool write_body(const Content& content) override {
    note(content);
    return is_connected;
  }
  std::size_t unsent_bytes() const override { return unsent; }
  void close_after_response() override { closes = true; }
  void discard_request() override { discards = true; }
  void finish(Ending ending) override { endings.push_back(ending); }
  HeadWritten start_tunnel(const ResponseHeadWrite& head, std::string_view upgrade,
                           std::string_view bytes) override {
    note_head(head);
    protocol = upgrade;
    body += bytes;
    return {is_connected, kHeadBytes};
  }
  std::string_view tunnel_bytes() const override { return at_hand; }
  void consume_tunnel_bytes(std::size_t bytes) override { at_hand.erase(0, bytes); }
  bool write_tunnel(std::string_view bytes) override {
    body += bytes;
    return is_connected;
  }
  void shutdown_write() override { closes = true; }
  void stop_reading() override {}

  static constexpr std::size_t kHeadBytes = 100;

 private:
  static std::string value_in(const std::vector<std::pair<std::string, std::string>>& fields,
                              std::string_view name) {
    for (const auto& [known, value] : fields) {
      if (known == name) return value;
    }
    return "";
  }
  void note_head(const ResponseHeadWrite& head) {
    status = head.status;
    has_body = head.has_body;
    has_content_length = head.has_content_length;
    content_length = head.content_length;
    for (const http::HeaderField& one : *head.headers) fields.emplace_back(one.name, one.value);
  }
  void note(const Content& content) {
    ++writes;
    for (const iovec& piece : content.pieces) {
      body.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    ended |= content.end;
    if (content.trailers == nullptr) return;
    for (const http::HeaderField& one : *content.trailers) {
      response_trailers.emplace_back(one.name, one.value);
    }
  }

  std::deque<std::string> handed_out_;
  bool read_end_ = false;
};

}  // namespace apisix::proxy
