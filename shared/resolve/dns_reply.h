// The answer section of a DNS message (RFC 1035 4.1) for one question: CNAMEs followed from the name that was
// asked, records of other names ignored. Reads what the network sent: every length is checked.
#pragma once

#include <span>
#include <string>

#include "shared/resolve/dns_client.h"

namespace apisix::resolve {

// kFailed for a message that is cut off or makes no sense; kNoRecords when nothing of the type is in it.
DnsReply parse_dns_reply(std::span<const unsigned char> message, const std::string& name, DnsType type);

}  // namespace apisix::resolve
