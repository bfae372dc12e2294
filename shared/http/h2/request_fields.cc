#include "shared/http/h2/request_fields.h"

#include <array>

#include "shared/base/text.h"
#include "shared/http/grpc.h"

namespace apisix::h2 {
namespace {

// They differ with each request or client: in the table that all requests of a connection share they would
// only push out what repeats.
constexpr http::HeaderSet kNotIndexed{http::KnownHeader::kXForwardedFor, http::KnownHeader::kXRealIp,
                                      http::KnownHeader::kXRequestId,    http::KnownHeader::kTraceparent,
                                      http::KnownHeader::kCookie,        http::KnownHeader::kAuthorization,
                                      http::KnownHeader::kApikey,        http::KnownHeader::kReferer};

// RFC 9113 8.2.1: no white space around it. A plugin may have set some.
std::string_view value_of(const http::HeaderField& field) {
  const std::string_view value = field.value;
  if (value.empty() || (value.front() > ' ' && value.back() > ' ')) [[likely]]
    return value;
  return base::trim(value);
}

std::string_view decimal(std::uint64_t number, base::Arena& arena) {
  std::array<char, 20> digits;
  const char* const end = http::append_decimal(digits.data(), number);
  return arena.copy({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

}  // namespace

bool make_request_fields(const http::RequestWrite& head, const RequestFieldsMode& mode, base::Arena& arena,
                         std::vector<Field>& out) {
  out.clear();
  if (!http::is_writable(head)) return false;
  out.push_back({":method", head.method});
  out.push_back({":scheme", mode.scheme});
  out.push_back({":path", head.target});
  std::string_view authority = head.host;
  if (authority.empty() && head.headers != nullptr) authority = head.headers->value(http::KnownHeader::kHost);
  if (!authority.empty()) out.push_back({":authority", authority});
  bool has_type = false;
  if (head.headers != nullptr) {
    for (const http::HeaderField& field : *head.headers) {
      if (field.id == http::KnownHeader::kHost || http::is_hop_by_hop(field)) continue;
      if (mode.is_grpc && field.id == http::KnownHeader::kContentType) {
        if (has_type || !http::is_grpc_type(field.value)) continue;
        has_type = true;
      }
      out.push_back({field.name, value_of(field), kNotIndexed.has(field.id)});
    }
  }
  if (mode.is_grpc) {
    if (!has_type) out.push_back({"content-type", "application/grpc"});
    out.push_back({"te", "trailers"});
  }
  if (head.framing == http::Framing::kLength)
    out.push_back({"content-length", decimal(head.content_length, arena)});
  return true;
}

void make_trailer_fields(const http::HeaderMap& trailers, std::vector<Field>& out) {
  out.clear();
  for (const http::HeaderField& field : trailers) {
    if (!http::is_hop_by_hop(field)) out.push_back({field.name, value_of(field)});
  }
}

std::size_t bytes_of(const std::vector<Field>& fields) {
  std::size_t bytes = 0;
  for (const Field& field : fields) bytes += field.name.size() + field.value.size() + http::kFieldFixedBytes;
  return bytes;
}

}  // namespace apisix::h2
