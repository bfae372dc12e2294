// The server_name extension of a client hello (RFC 6066 3), read before OpenSSL looks at it. Bytes of the
// network: everything is checked.
#pragma once

#include <optional>
#include <string_view>

namespace apisix::net {

// `extension`: what is behind its length. None: it is malformed. Valid as long as the bytes.
std::optional<std::string_view> server_name_of(std::string_view extension);

}  // namespace apisix::net
