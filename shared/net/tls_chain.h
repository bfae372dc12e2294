// Is a certificate sent with all that clients need to believe it? For checks of a configuration.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/net/tls_certificate.h"

namespace apisix::net {

// The name of the authority at which the chain behind the first certificate ends without being one of `roots`
// or signed by one: "CN=R3, O=Let's Encrypt". "": the chain is complete, or ends at an authority of its own.
// Times are not looked at. Error: not certificates in PEM.
base::Result<std::string> missing_issuer(std::string_view chain_pem, const TlsTrust& roots);

}  // namespace apisix::net
