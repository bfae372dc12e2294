// $ssl_*: what a handshake agreed on and what the client's certificate says, in nginx's forms.
#pragma once

#include <cstdint>
#include <string>

#include "shared/net/tls_info.h"
#include "worker/route/variable_name.h"

namespace apisix::plugin {

// "": unset. Certificates are parsed for each read: about 10 us.
std::string tls_variable_text(const net::TlsInfo& tls, route::VariableKind kind, std::int64_t now_s);

}  // namespace apisix::plugin
