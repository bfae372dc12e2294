// Checks a list of ciphers for TLS up to 1.2, as OpenSSL and nginx have it, before anything is served by it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::net {

// Error: nothing can be served with `list`. Else what of it OpenSSL does not know, which it passes over
// without a word.
base::Result<std::vector<std::string>> unknown_tls_ciphers(std::string_view list);

}  // namespace apisix::net
