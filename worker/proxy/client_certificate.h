// Whether a client may send this request, as far as TLS decides it: that it speaks TLS at all, and that it
// showed the certificate that the policy of the host asks for. For requests of listeners with TLS.
#pragma once

#include <optional>
#include <string_view>

#include "worker/plugin/request_state.h"

namespace apisix::proxy {

class ClientTls;

// nginx's pages for what is wrong with the connection, whatever the request is; none: it may go on. Of a
// local service each request needs the certificate, as by ssl_verify_client.
std::optional<plugin::DirectResponse> refuse_by_connection(const plugin::ClientInfo& client,
                                                           const ClientTls& tls, bool is_local,
                                                           base::Arena& arena);

// APISIX's rules, by the policies of the server name of the handshake and of the host. Logs why not. Of the
// request the target must be normalized.
bool may_client_ask(plugin::RequestState& request, const ClientTls& tls);

}  // namespace apisix::proxy
