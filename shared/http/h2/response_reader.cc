#include "shared/http/h2/response_reader.h"

#include "shared/base/text.h"
#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/field_lines.h"
#include "shared/http/h1/head_writer.h"

namespace apisix::h2 {
namespace {

// RFC 9113 8.2.2: they end at a hop of HTTP/1, and have no meaning here.
constexpr http::HeaderSet kOfConnection{http::KnownHeader::kConnection, http::KnownHeader::kTransferEncoding,
                                        http::KnownHeader::kUpgrade, http::KnownHeader::kKeepAlive,
                                        http::KnownHeader::kProxyConnection};

bool has_no_content(http::Method method, std::uint16_t status) {
  return method == http::Method::kHead || status == 204 || status == 304;
}

}  // namespace

void ResponseReader::fail(const char* what) {
  if (error_ == nullptr) error_ = what;
}

http::ResponseHead& ResponseReader::block() {
  if (block_ == nullptr) {
    block_ = arena_.make<http::ResponseHead>();
    block_->protocol = http::Protocol::k2;
    block_bytes_ = block_fields_ = 0;
  }
  return *block_;
}

void ResponseReader::on_field(std::string_view name, std::string_view value) {
  if (error_ != nullptr) return;
  const std::size_t bytes = name.size() + value.size() + http::kFieldFixedBytes;
  block();
  block_bytes_ += static_cast<std::uint32_t>(bytes);
  if (block_bytes_ > limits_.head_bytes_max) return fail("the head is too large");
  if (++block_fields_ > limits_.header_count_max) return fail("too many header fields");
  name.starts_with(':') ? read_status(value) : keep(name, value);
}

// The only pseudo header of a response. Three digits from 100 to 999, once.
void ResponseReader::read_status(std::string_view value) {
  const auto digit = [&](std::size_t i) { return static_cast<unsigned>(value[i]) - '0'; };
  if (value.size() != 3 || digit(0) - 1 > 8 || digit(1) > 9 || digit(2) > 9 || block_->status != 0) {
    return fail("the status code is not three digits from 100 to 999");
  }
  block_->status = static_cast<std::uint16_t>(digit(0) * 100 + digit(1) * 10 + digit(2));
}

void ResponseReader::keep(std::string_view name, std::string_view value) {
  constexpr http::FieldLimits kNames{.count_max = 0, .line_bytes_max = 0};
  const http::KnownHeader id = http::identify_header(name);
  if (kOfConnection.has(id)) return fail("a field of the connection (RFC 9113 8.2.2)");
  const bool is_known = id != http::KnownHeader::kUnknown;
  if (!http::is_valid_header_value(value) || !(is_known || http::is_token(name))) {
    return fail("a header field has a character that is not allowed");
  }
  value = base::trim(value);
  char* at = arena_.text(name.size() + value.size() + http::kFieldFixedBytes);
  const http::HeaderField field = http::append_own_field(at, id, name, value);
  if (!is_known && http::is_left_out(name, kNames)) [[unlikely]] {
    const std::string_view line(field.name.data(), name.size() + value.size() + 2);
    block_->ignored_lines = arena_.make<http::IgnoredLine>(line, block_->ignored_lines);
    return;
  }
  if (id == http::KnownHeader::kContentLength && block_->headers.has(id))
    return fail("more than one Content-Length");
  block_->headers.push(arena_, field);
}

void ResponseReader::read_length(http::ResponseHead& head) {
  const http::HeaderField* const length = head.headers.find(http::KnownHeader::kContentLength);
  if (length == nullptr) return;
  head.has_content_length = http::parse_content_length(length->value, head.content_length);
  if (!head.has_content_length) fail("the value of Content-Length is not one decimal number");
}

// Without a length the end of the stream is the end of the body, as the end of a connection is in HTTP/1.
http::ResponseHead* ResponseReader::end_head(bool end) {
  http::ResponseHead& head = block();
  block_ = nullptr;
  if (error_ != nullptr) return nullptr;
  if (head.status == 0) fail("there is no status code");
  if (head.status == 101) fail("101, which HTTP/2 does not have (RFC 9113 8.6)");
  read_length(head);
  if (error_ != nullptr) return nullptr;
  const bool is_empty = has_no_content(method_, head.status) || head.status < 200;
  if (head.status < 200 || head.status == 204) head.has_content_length = false;
  if (end && !is_empty && head.content_length > 0) fail("the body is shorter than its Content-Length");
  if (error_ != nullptr) return nullptr;
  head.framing = is_empty                  ? http::Framing::kNone
                 : head.has_content_length ? http::Framing::kLength
                                           : http::Framing::kUntilClose;
  return &head;
}

http::HeaderMap* ResponseReader::end_trailers() {
  http::ResponseHead& trailers = block();
  block_ = nullptr;
  if (trailers.status != 0) fail("a pseudo header in the trailers");
  if (error_ != nullptr) return nullptr;
  trailers.headers.remove_if(http::is_barred_from_trailers);
  return trailers.headers.empty() ? nullptr : &trailers.headers;
}

}  // namespace apisix::h2
