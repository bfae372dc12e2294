#include "worker/proxy/direct_response.h"

#include <string_view>

#include "shared/http/h1/head_writer.h"
#include "shared/http/status.h"

namespace apisix::proxy {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kPageTail =
    "<hr><center>openresty</center>\r\n"
    "<p><em>Powered by <a href=\"https://apisix.apache.org/\">APISIX</a>.</em></p></body>\r\n</html>\r\n";

// nginx's pages have two titles that are not the phrase of its status line.
std::string_view title_of(std::uint16_t status) {
  if (status == 302) return "Found";
  return status == 401 ? "Authorization Required"sv : http::reason_phrase(status);
}

}  // namespace

plugin::DirectResponse route_not_found() {
  return {404, "{\"error_msg\":\"404 Route Not Found\"}\n", "text/plain"};
}

plugin::DirectResponse make_error_page(std::uint16_t status, base::Arena& arena) {
  char digits[8];
  const char* end = http::append_decimal(digits, status);
  std::string_view title =
      arena.concat(std::string_view(digits, static_cast<std::size_t>(end - digits)), " "sv, title_of(status));
  return {status,
          arena.concat("<html>\r\n<head><title>"sv, title, "</title></head>\r\n<body>\r\n<center><h1>"sv,
                       title, "</h1></center>\r\n"sv, kPageTail),
          "text/html"};
}

plugin::DirectResponse make_error_page(std::uint16_t status, std::string_view what, base::Arena& arena) {
  char digits[8];
  const char* end = http::append_decimal(digits, status);
  const std::string_view number(digits, static_cast<std::size_t>(end - digits));
  const std::string_view head =
      arena.concat("<html>\r\n<head><title>"sv, number, " "sv, what,
                   "</title></head>\r\n<body>\r\n<center><h1>"sv, number, " "sv, title_of(status));
  return {status, arena.concat(head, "</h1></center>\r\n<center>"sv, what, "</center>\r\n"sv, kPageTail),
          "text/html"};
}

plugin::DirectResponse make_grpc_error(std::uint16_t status, http::GrpcCode code) {
  return {.status = status,
          .body = {},
          .content_type = "application/grpc",
          .grpc_code = static_cast<std::uint8_t>(code)};
}

void add_grpc_status(const plugin::DirectResponse& direct, http::HeaderMap& headers, base::Arena& arena) {
  char digits[8];
  const char* const end = http::append_decimal(digits, *direct.grpc_code);
  headers.set(arena, "grpc-status", arena.copy({digits, static_cast<std::size_t>(end - digits)}));
  const bool is_late = *direct.grpc_code == static_cast<std::uint8_t>(http::GrpcCode::kDeadlineExceeded);
  headers.set(arena, "grpc-message", is_late ? "deadline exceeded"sv : http::reason_phrase(direct.status));
}

}  // namespace apisix::proxy
