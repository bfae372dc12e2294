// The PROXY header in front of a connection (nginx's `listen ... proxy_protocol`). Requests behind it know
// what it says, and take the client that it names for theirs where real_ip_header says so (upstream_head.h).
#include "shared/base/log.h"
#include "worker/plugin/client_details.h"
#include "worker/proxy/client_connection.h"

namespace apisix::proxy {

// Looks at what is there and takes the header's bytes of it: those behind belong to the session, or to TLS,
// which reads the socket itself. Its deadline is that of the first request's head.
void ClientConnection::read_proxy_header() {
  net::ProxyProtocolReader& reader = *info_.details->header_reader;
  const std::span<char> scratch(services().client_scratch.get(), net::ProxyProtocolReader::kHeaderBytesMax);
  const net::IoResult seen = transport_.peek(scratch);
  if (seen.kind == net::IoResult::Kind::kAgain) return;
  // A balancer that checks whether the port is open says nothing.
  if (!seen.done() && !reader.has_begun()) return close();
  if (!seen.done()) return refuse_proxy_header("the connection ended before it was complete");
  const auto [result, bytes] = reader.feed({scratch.data(), seen.bytes});
  if (result == net::ProxyProtocolReader::Result::kMalformed) return refuse_proxy_header(reader.error());
  transport_.read(scratch.first(bytes));
  if (result == net::ProxyProtocolReader::Result::kComplete) end_proxy_header();
}

void ClientConnection::end_proxy_header() {
  is_beginning_ = false;
  info_.details->proxied = info_.details->header_reader->addresses();
  info_.details->header_reader.reset();
  transport_.end_header();
  set_timeout_ms(services().draining ? limits::kDrainIdleMs : services().options.client_header_timeout_ms);
  on_readable();
}

void ClientConnection::refuse_proxy_header(std::string_view why) {
  base::log_info("client {} sent a broken PROXY header: {}", info_.peer_ip.to_string(), why);
  close();
}

}  // namespace apisix::proxy
