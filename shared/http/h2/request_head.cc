#include "shared/http/h2/request_head.h"

#include <algorithm>
#include <cstring>

#include "shared/base/base64.h"
#include "shared/base/clock.h"
#include "shared/base/random.h"
#include "shared/http/h1/head_lines.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h2/engine.h"

namespace apisix::h2 {
namespace {

using http::KnownHeader;

// Of the request line and Host, without their values: "GET  HTTP/1.1", "host: " and line ends.
constexpr std::size_t kStartBytes = 64;
// Most heads fit, so that the text grows once at most.
constexpr std::size_t kTextBytesMin = 768;

// RFC 9113 8.2.2: they are of one connection of HTTP/1.
bool is_connection_specific(KnownHeader id) {
  switch (id) {
    case KnownHeader::kConnection:
    case KnownHeader::kTransferEncoding:
    case KnownHeader::kUpgrade:
    case KnownHeader::kKeepAlive:
    case KnownHeader::kProxyConnection:
      return true;
    default:
      return false;
  }
}

// What would end a line where it is written: never there, the engine has looked. The last line of defence.
bool is_one_line(std::string_view text) {
  constexpr std::string_view kBreaks("\r\n\0", 3);
  return text.find_first_of(kBreaks) == std::string_view::npos;
}

// RFC 9113 8.2.1, as far as it could move the end of a name.
bool is_field_name(std::string_view name) {
  return std::ranges::none_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || c == ':'; }) &&
         is_one_line(name);
}

// RFC 6455 4.1: a nonce of 16 bytes. It proves nothing, so it need not be secret.
std::string_view make_websocket_key(base::Arena& arena) {
  static thread_local base::Random random(base::monotonic_now_us());
  const std::uint64_t nonce[2] = {random.next(), random.next()};
  return arena.copy(base::encode_base64({reinterpret_cast<const char*>(nonce), sizeof nonce}));
}

}  // namespace

void RequestHeadBuilder::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (malformed_ || too_large_) return;
  too_large_ = list_bytes_ > limits_.head_bytes_max + limits_.header_count_max * kFieldOverheadBytes;
  if (too_large_) return;
  if (name.empty() || !is_one_line(value)) {
    malformed_ = true;
  } else if (name.front() == ':') {
    add_pseudo(name, value);
  } else {
    add_regular(name, value);
  }
}

void RequestHeadBuilder::add_pseudo(std::string_view name, std::string_view value) {
  std::string_view* const into = name == ":method"      ? &method_
                                 : name == ":scheme"    ? &scheme_
                                 : name == ":authority" ? &authority_
                                 : name == ":path"      ? &path_
                                 : name == ":protocol"  ? &protocol_
                                                        : nullptr;
  // Behind the others, unknown, repeated or empty. An empty :authority says that there is none.
  if (started_ || into == nullptr || into->data() != nullptr || (value.empty() && into != &authority_)) {
    malformed_ = true;
    return;
  }
  *into = value.empty() ? std::string_view("") : arena_.copy(value);
}

void RequestHeadBuilder::add_regular(std::string_view name, std::string_view value) {
  if (!started_) write_start();
  const KnownHeader id = http::identify_header(name);
  if (is_connection_specific(id) || !is_field_name(name) || (id == KnownHeader::kTe && value != "trailers")) {
    malformed_ = true;
  } else if (id == KnownHeader::kCookie) {
    if (!cookie_.empty()) cookie_.append(arena_, "; ");
    cookie_.append(arena_, value);
  } else if (id == KnownHeader::kHost && !authority_.empty()) {
    if (value != authority_) fault_ = ":authority and Host differ";
  } else {
    has_websocket_key_ |= id == KnownHeader::kSecWebsocketKey;
    add_line(name, value);
  }
}

void RequestHeadBuilder::reserve(std::size_t bytes) {
  if (size_ + bytes <= room_) return;
  room_ = static_cast<std::uint32_t>(std::max({size_ + bytes, std::size_t{2} * room_, kTextBytesMin}));
  char* const larger = arena_.text(room_);
  if (size_ > 0) std::memcpy(larger, text_, size_);
  text_ = larger;
}

void RequestHeadBuilder::append(std::string_view text) {
  http::append_text(text_ + size_, text);
  size_ += static_cast<std::uint32_t>(text.size());
}

void RequestHeadBuilder::add_line(std::string_view name, std::string_view value) {
  reserve(name.size() + value.size() + http::kFieldFixedBytes);
  append(name);
  append(": ");
  append(value);
  append("\r\n");
  ++lines_;
}

void RequestHeadBuilder::check_pseudo_fields() {
  const bool is_connect = method_ == "CONNECT";
  if (is_connect && !is_extended_connect()) {  // RFC 9113 8.5
    malformed_ = authority_.empty() || scheme_.data() != nullptr || path_.data() != nullptr;
    return;
  }
  if (method_.empty() || scheme_.empty() || path_.empty() || (is_extended_connect() && !is_connect)) {
    malformed_ = true;
    return;
  }
  // "http://host/" would be another host than :authority, so the parser must not see one.
  const bool is_asterisk = path_ == "*" && method_ == "OPTIONS";
  if (path_.front() != '/' && !is_asterisk) fault_ = ":path is neither a path nor *";
  if (scheme_ != "http" && scheme_ != "https") fault_ = ":scheme is neither http nor https";
}

// A WebSocket over HTTP/2 is the GET that it would be over HTTP/1 (RFC 8441 5).
void RequestHeadBuilder::write_start() {
  started_ = true;
  check_pseudo_fields();
  const std::string_view method = is_extended_connect() ? std::string_view("GET") : method_;
  const std::string_view target = path_.data() != nullptr ? path_ : authority_;
  reserve(method.size() + target.size() + kStartBytes);
  append(method);
  append(" ");
  append(target);
  append(" HTTP/1.1\r\n");
  if (!authority_.empty()) add_line("host", authority_);
}

void RequestHeadBuilder::write_websocket_lines() {
  add_line("connection", "upgrade");
  add_line("upgrade", protocol_);
  if (!has_websocket_key_) add_line("sec-websocket-key", make_websocket_key(arena_));
}

std::expected<http::RequestHead*, http::ParseError> RequestHeadBuilder::finish(bool end) {
  if (!started_) write_start();
  if (malformed_) return refuse(400, "a malformed request");
  if (too_large_) return refuse(431, "the header list is too large");
  if (fault_ != nullptr) return refuse(400, fault_);
  if (is_extended_connect() && protocol_ != "websocket")
    return refuse(501, "a protocol other than websocket in an extended CONNECT");
  if (!cookie_.empty()) add_line("cookie", cookie_.view());
  if (is_extended_connect()) write_websocket_lines();
  reserve(2);
  append("\r\n");
  auto parsed = parse();
  if (!parsed) return refuse(parsed.error().status, parsed.error().what, parsed.error().request);
  http::RequestHead& head = **parsed;
  head.protocol = http::Protocol::k2;
  head.request_line = {};  // made when it is asked for
  head.keep_alive = true;
  if (is_extended_connect() && !head.upgrade) return refuse(400, "an extended CONNECT that is none");
  frame(head, end);
  return parsed;
}

// It is one head of as many lines as there are fields, or something got past the checks above.
std::expected<http::RequestHead*, http::ParseError> RequestHeadBuilder::parse() {
  const std::string_view text(text_, size_);
  http::HeadLines lines;
  http::HeadScanner scanner(http::HeadKind::kRequest);
  const bool is_head = scanner.scan(text, lines) == http::HeadScanner::Result::kFound &&
                       scanner.head_bytes() == text.size() && scanner.skipped_bytes() == 0;
  const auto count = static_cast<std::uint32_t>(std::ranges::count(text, '\n'));
  if (!is_head || count != lines_ + 2)
    return std::unexpected(http::ParseError{400, "a character in a field that is not allowed"});
  return http::parse_request_head(text, arena_, limits_, lines);
}

// Content ends with the stream, or by its length, which the engine holds against the DATA that comes.
void RequestHeadBuilder::frame(http::RequestHead& head, bool end) const {
  if (is_extended_connect() || head.method == http::Method::kConnect) {
    head.framing = http::Framing::kNone;  // what comes is a tunnel
    head.content_length = 0;
  } else if (!end && head.framing == http::Framing::kNone) {
    head.framing = http::Framing::kChunked;
    head.expect_continue = head.headers.has(KnownHeader::kExpect);
  } else if (end) {
    head.expect_continue = false;
  }
}

std::string_view RequestHeadBuilder::request_line() const {
  if (method_.empty()) return {};
  const std::string_view target = path_.data() != nullptr ? path_ : authority_;
  return arena_.concat(method_, " ", target, " ", http::protocol_text(http::Protocol::k2));
}

std::expected<http::RequestHead*, http::ParseError> RequestHeadBuilder::refuse(std::uint16_t status,
                                                                               const char* what,
                                                                               http::RequestHead* head) {
  if (head == nullptr) head = arena_.make<http::RequestHead>();
  head->protocol = http::Protocol::k2;
  head->method_text = method_;
  head->method = http::parse_method(method_);
  head->request_line = request_line().substr(0, limits_.request_line_bytes_max);
  return std::unexpected(http::ParseError{status, what, head});
}

}  // namespace apisix::h2
