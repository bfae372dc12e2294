// Any bytes as a PROXY header: cut in two anywhere, it is found to be the same, and never takes more than it
// may.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shared/net/proxy_protocol.h"
#include "shared/net/proxy_tlv.h"

using apisix::net::ProxyProtocolReader;
using Result = ProxyProtocolReader::Result;

namespace {

// What feeding `bytes` in two parts comes to.
struct Outcome {
  Result result = Result::kNeedMore;
  std::size_t bytes = 0;
};

Outcome feed(ProxyProtocolReader& reader, std::string_view bytes, std::size_t cut) {
  Outcome outcome;
  for (const std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    const auto taken = reader.feed(part);
    if (taken.bytes > part.size()) std::abort();
    outcome = {taken.result, outcome.bytes + taken.bytes};
    if (taken.result != Result::kNeedMore) break;
    if (taken.bytes != part.size()) std::abort();
  }
  return outcome;
}

bool is_same(const ProxyProtocolReader& one, const ProxyProtocolReader& other) {
  if (one.addresses().has_value() != other.addresses().has_value()) return false;
  if (!one.addresses()) return true;
  const auto& a = *one.addresses();
  const auto& b = *other.addresses();
  return a.client == b.client && a.server == b.server && a.client_port == b.client_port &&
         a.server_port == b.server_port;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ProxyProtocolReader whole;
  const Outcome at_once = feed(whole, bytes, 0);
  ProxyProtocolReader cut;
  const Outcome in_parts = feed(cut, bytes, data[0] % (bytes.size() + 1));
  if (in_parts.result != at_once.result) std::abort();
  if (at_once.result == Result::kComplete && in_parts.bytes != at_once.bytes) std::abort();
  if (at_once.bytes > ProxyProtocolReader::kHeaderBytesMax) std::abort();
  if (!is_same(whole, cut)) std::abort();
  if (whole.addresses() && at_once.result != Result::kComplete) std::abort();
  if (at_once.result != Result::kComplete) return 0;
  const std::string tlvs = whole.take_tlvs();
  if (tlvs != cut.take_tlvs()) std::abort();
  for (const char* name :
       {"alpn", "authority", "unique_id", "netns", "ssl", "ssl_verify", "ssl_version", "ssl_cn", "ssl_cipher",
        "ssl_sig_alg", "ssl_key_alg", "ssl_0x21", "0x02", "0xee"}) {
    const auto value = apisix::net::find_proxy_tlv(tlvs, name);
    if (value && value->size() > tlvs.size() && std::string_view(name) != "ssl_verify") std::abort();
  }
  return 0;
}
