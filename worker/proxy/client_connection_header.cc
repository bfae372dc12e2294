// The PROXY header in front of a connection (nginx's `listen ... proxy_protocol`). Requests behind it know
// what it says, and take the client that it names for theirs where real_ip_header says so (upstream_head.h).
#include <memory>
#include <string>
#include <utility>

#include "shared/base/log.h"
#include "worker/plugin/client_details.h"
#include "worker/proxy/client_connection.h"

namespace apisix::proxy {

void ClientConnection::expect_proxy_header() {
  is_beginning_ = true;
  info_.edit_details().header_reader = std::make_unique<net::ProxyProtocolReader>();
}

bool ClientConnection::awaits_proxy_header() const {
  return is_beginning_ && info_.details != nullptr && info_.details->header_reader != nullptr;
}

// True once it is complete. Looks at what is there and takes the header's bytes of it: those behind belong to
// the session, or to TLS, which reads the socket itself. Its deadline is that of the first request's head.
bool ClientConnection::read_proxy_header() {
  net::ProxyProtocolReader& reader = *info_.details->header_reader;
  const std::span<char> scratch(services().client_scratch.get(), net::ProxyProtocolReader::kHeaderBytesMax);
  const net::IoResult seen = transport_.peek(scratch);
  if (seen.kind == net::IoResult::Kind::kAgain) return false;
  if (!seen.done()) {
    // A balancer that checks whether the port is open says nothing.
    reader.has_begun() ? refuse_proxy_header("the connection ended before it was complete") : close();
    return false;
  }
  const auto [result, bytes] = reader.feed({scratch.data(), seen.bytes});
  if (result == net::ProxyProtocolReader::Result::kMalformed) {
    refuse_proxy_header(reader.error());
    return false;
  }
  transport_.read(scratch.first(bytes));
  if (result != net::ProxyProtocolReader::Result::kComplete) return false;
  info_.details->proxied = reader.addresses();
  if (std::string tlvs = reader.take_tlvs(); !tlvs.empty())
    info_.details->proxy_tlvs = std::make_unique<const std::string>(std::move(tlvs));
  info_.details->header_reader.reset();
  set_timeout_ms(services().draining ? limits::kDrainIdleMs : services().options.client_header_timeout_ms);
  return true;
}

void ClientConnection::refuse_proxy_header(std::string_view why) {
  base::log_info("client {} sent a broken PROXY header: {}", info_.peer_ip.to_string(), why);
  close();
}

// Behind the header of a connection without TLS.
void ClientConnection::begin_plain() {
  is_beginning_ = false;
  transport_.join_batches();
  on_readable();
}

}  // namespace apisix::proxy
