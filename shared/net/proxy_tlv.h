// The type-length-value fields behind the addresses of a PROXY header of version 2 (its text, 2.2): what a
// balancer knows of the connection it took, by nginx's names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace apisix::net {

// `name` as behind $proxy_protocol_tlv_, in lower case: "alpn", "authority", "unique_id", "netns", "ssl" or
// the type in hexadecimal ("0x02"), whose bytes are the value; "ssl_version", "ssl_cn", "ssl_cipher",
// "ssl_sig_alg", "ssl_key_alg" or "ssl_0x21", the fields inside of "ssl"; "ssl_verify": what came of the
// client's certificate, a number, 0 for a good one. Nothing: there is none of it, or what is in front of it
// is cut off.
std::optional<std::string> find_proxy_tlv(std::string_view tlvs, std::string_view name);

}  // namespace apisix::net
