// What the request says to the upstream that the client did not say: who is asking (X-Real-IP,
// X-Forwarded-*), for which host, and which target.
#pragma once

#include "worker/config/compiled.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/options.h"

namespace apisix::proxy {

// $remote_addr from the header that real_ip_header names, or from the PROXY header of the connection, when
// the peer is in real_ip_from (nginx's realip module).
void apply_real_ip(plugin::RequestState& request, const Options& options);

// X-Forwarded-Proto/Host/Port and Forwarded say what this gateway observed, unless the peer is one of
// trusted_addresses; the client's own values are kept in request.originals. Behind normalize_target().
void apply_forwarded_headers(plugin::RequestState& request, const Options& options);

// X-Real-IP and X-Forwarded-For, when the request goes out.
void add_client_address(plugin::RequestState& request);

// Scheme, Host by pass_host, and target for the node that was picked.
void set_upstream_target(plugin::RequestState& request, const config::CompiledUpstream& upstream,
                         std::string_view node_host, std::uint16_t node_port);

}  // namespace apisix::proxy
