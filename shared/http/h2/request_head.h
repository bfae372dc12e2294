// RequestHeadBuilder: makes one RequestHead of the fields of an HTTP/2 request (RFC 9113 8.3). They are
// written as an HTTP/1.1 head and parsed as one, so that there is one set of rules for what may reach an
// upstream, and its lines are copied there as they are. A member of who receives the request; the head lives
// in the arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/base/arena_text.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/message.h"

namespace apisix::h2 {

class RequestHeadBuilder {
 public:
  // Of a list that grows beyond head_bytes_max nothing more is kept; beyond this factor of it, it is no
  // request but a load (is_flood()).
  static constexpr std::size_t kFloodFactor = 4;

  RequestHeadBuilder(base::Arena& arena, const http::RequestLimits& limits)
      : arena_(arena), limits_(limits) {}

  // In the order of the wire.
  void add(std::string_view name, std::string_view value);
  // Names, values and 32 bytes for each (RFC 9113 6.5.2), so far.
  std::size_t list_bytes() const { return list_bytes_; }
  bool is_flood() const { return list_bytes_ > kFloodFactor * limits_.head_bytes_max; }
  // RFC 9113 8.1.1: a stream error PROTOCOL_ERROR, not a response.
  bool is_malformed() const { return malformed_; }
  // Not of a malformed one. `end`: no content follows. The ParseError's head has what is to be logged.
  std::expected<http::RequestHead*, http::ParseError> finish(bool end);

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void add_regular(std::string_view name, std::string_view value);
  void add_line(std::string_view name, std::string_view value);
  void write_start();
  void write_websocket_lines();
  void check_pseudo_fields();
  bool is_extended_connect() const { return !protocol_.empty(); }
  std::expected<http::RequestHead*, http::ParseError> parse();
  std::expected<http::RequestHead*, http::ParseError> refuse(std::uint16_t status, const char* what,
                                                             http::RequestHead* head = nullptr);
  std::string_view request_line() const;
  void frame(http::RequestHead& head, bool end) const;
  void append(std::string_view text);
  void reserve(std::size_t bytes);

  base::Arena& arena_;
  const http::RequestLimits& limits_;
  std::string_view method_;
  std::string_view scheme_;
  std::string_view authority_;
  std::string_view path_;
  std::string_view protocol_;    // RFC 8441
  base::ArenaText cookie_;       // crumbs, joined (RFC 9113 8.2.3)
  const char* fault_ = nullptr;  // 400
  char* text_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t room_ = 0;
  std::size_t list_bytes_ = 0;
  std::uint32_t lines_ = 0;  // of fields
  bool started_ = false;     // a regular field came
  bool malformed_ = false;
  bool too_large_ = false;
  bool has_websocket_key_ = false;
};

}  // namespace apisix::h2
