// ResponseReader: the heads and trailers of one response in HTTP/2, from the fields that the engine gives, by
// the rules that hold for heads in HTTP/1 (h1/response_parser.h): what is passed on means the same to every
// client. The engine has checked RFC 9113 8.1 to 8.3; what could end a message elsewhere is looked at again.
//
//   on_field()* -> end_head() | end_trailers(), for each block of fields
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/h1/response_parser.h"
#include "shared/http/message.h"

namespace apisix::h2 {

class ResponseReader {
 public:
  // The method is that of the request. All that is read lies in the arena.
  ResponseReader(base::Arena& arena, http::Method method, const http::ResponseLimits& limits)
      : arena_(arena), limits_(limits), method_(method) {}

  // Its views hold during the call.
  void on_field(std::string_view name, std::string_view value);
  // The head is whole; null: error() says why it is none. `end`: there is no content.
  http::ResponseHead* end_head(bool end);
  // Those that may be passed on (RFC 9110 6.5.1); null: none, or an error.
  http::HeaderMap* end_trailers();

  // Null: all is well. A constant text for logs. What comes behind an error is dropped.
  const char* error() const { return error_; }

 private:
  void read_status(std::string_view value);
  void keep(std::string_view name, std::string_view value);
  void read_length(http::ResponseHead& head);
  void fail(const char* what);
  http::ResponseHead& block();

  base::Arena& arena_;
  const http::ResponseLimits& limits_;
  http::ResponseHead* block_ = nullptr;  // whose fields come; null: none yet
  const char* error_ = nullptr;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t block_fields_ = 0;
  const http::Method method_;
};

}  // namespace apisix::h2
