// "host[:port]" as Host and the authority of a request target have it (RFC 3986 3.2 without user
// information): whether it is valid, and what most clients send, found with a few vector instructions.
#pragma once

#include <cstddef>
#include <string_view>

namespace apisix::http {

// reg-name, IPv4, or "[" IPv6 "]", and maybe a port, which may be empty ("a:") as RFC 3986 allows.
bool is_valid_authority(std::string_view authority);

// How many bytes the host of a plain authority has; 0: it is not plain, or not valid, which the others of
// this file find out. Plain is what needs no change to be compared: a name or an IPv4 address in lower case,
// of letters, digits, '-' and '.', without a dot at its end, and maybe a port. Bytes from `begin` on may be
// read.
std::size_t plain_host_bytes(const char* begin, std::string_view authority);

}  // namespace apisix::http
