// Host names as they are compared: in lower case, and without the one dot that may stand at their end, which
// names the same host (RFC 1034 3.1) and which nginx takes off $host. Configured hosts, those that clients
// send and server names of TLS all go through here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace apisix::base {

// Where the dot at the end of the host in "host" or "host:port" is, which is the only one there. Nothing in
// front of it ("." alone) is no host: then, and without such a dot, nothing.
std::optional<std::size_t> find_end_dot(std::string_view authority);

// A configured host, which may be a pattern ("*.foo.com.") and have a port. "*." stays as it is: without its
// dot it would match every host, and with it, it matches none.
std::string comparable_host(std::string_view host);

// What of a Host, or of a configured host, TLS asks for by: "example.com:8443" -> "example.com", "[::1]:443"
// ->
// "::1". Without the dot at the end (RFC 6066 3).
std::string_view server_name_of(std::string_view authority);

}  // namespace apisix::base
