// Responses of the gateway's own: JSON messages as APISIX words them, and the error pages of failures below
// the pipeline.
#pragma once

#include <cstdint>

#include "shared/base/arena.h"
#include "shared/http/grpc.h"
#include "worker/plugin/request_state.h"

namespace apisix::proxy {

// {"error_msg":"404 Route Not Found"}
plugin::DirectResponse route_not_found();
// The HTML page that clients of APISIX know, for any status from 400 on.
plugin::DirectResponse make_error_page(std::uint16_t status, base::Arena& arena);
// The same with nginx's title and second line for what went wrong with the connection.
plugin::DirectResponse make_error_page(std::uint16_t status, std::string_view what, base::Arena& arena);
// What a gRPC client gets in its place: the same status, no body, and add_grpc_status(). It reads the code
// first; with a page behind the head it would take that for a message.
plugin::DirectResponse make_grpc_error(std::uint16_t status, http::GrpcCode code);
void add_grpc_status(const plugin::DirectResponse& direct, http::HeaderMap& headers, base::Arena& arena);

}  // namespace apisix::proxy
