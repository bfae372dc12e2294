// The header fields of the response to the client: what of the upstream's passes, and what the gateway adds.
#pragma once

#include "shared/http/message.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

// Copies the end-to-end fields of an upstream's head into the response, without those that speak to the
// proxy in front of it (X-Accel-*), as nginx does.
void take_upstream_headers(plugin::RequestState& request, const http::ResponseHead& head);

// Server, Date, the charset of textual types, X-APISIX-Upstream-Status: last, on every response.
void complete_response_headers(plugin::RequestState& request, Services& services);

}  // namespace apisix::proxy
