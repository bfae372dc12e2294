// Any bytes as a DNS reply: nothing is read past its end, and what is accepted is consistent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "shared/resolve/dns_reply.h"

using apisix::resolve::DnsReply;
using apisix::resolve::DnsType;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const DnsType type : {DnsType::kA, DnsType::kAaaa, DnsType::kSrv}) {
    const DnsReply reply = apisix::resolve::parse_dns_reply({data, size}, "www.example.test", type);
    const bool has_records = !reply.addresses.empty() || !reply.services.empty() || !reply.alias.empty();
    if (has_records != (reply.kind == DnsReply::Kind::kRecords)) std::abort();
    if (reply.kind == DnsReply::Kind::kFailed && reply.error.empty()) std::abort();
    if (type == DnsType::kSrv ? !reply.addresses.empty() : !reply.services.empty()) std::abort();
  }
  return 0;
}
