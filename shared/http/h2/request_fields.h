// The head of a request to a node, and trailers, as fields of HTTP/2: what write_request_head() makes for
// HTTP/1, of the same RequestWrite. Framing, hop-by-hop fields and those that Connection nominated stay
// behind.
#pragma once

#include <string_view>
#include <vector>

#include "shared/base/arena.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h2/engine.h"

namespace apisix::h2 {

struct RequestFieldsMode {
  std::string_view scheme = "http";
  // "te: trailers", and a content type of gRPC whatever was sent: a gRPC upstream in APISIX.
  bool is_grpc = false;
};

// Into `out`, which is emptied before; its views are of the head and the arena. False: the head cannot be
// written, by the rules of HTTP/1 (is_writable()).
bool make_request_fields(const http::RequestWrite& head, const RequestFieldsMode& mode, base::Arena& arena,
                         std::vector<Field>& out);
// Of the body's end.
void make_trailer_fields(const http::HeaderMap& trailers, std::vector<Field>& out);
// As HTTP/1 would have them: names, values, and 4 bytes for each.
std::size_t bytes_of(const std::vector<Field>& fields);

}  // namespace apisix::h2
