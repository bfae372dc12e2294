// Any bytes as what a client begins with: the server name is well formed or there is none, whatever OpenSSL
// makes of the rest, and no handshake completes without a certificate. The same bytes as the server_name
// extension alone.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <sys/socket.h>

#include "shared/net/socket.h"
#include "shared/net/tls_client_hello.h"
#include "shared/net/tls_server.h"

namespace {

using namespace apisix;

void check_name(std::string_view name) {
  if (name.size() > 255) std::abort();
  if (std::ranges::any_of(name, [](char c) { return c <= ' ' || c >= 0x7f; })) std::abort();
}

class Session final : public net::TlsServerSession {
 public:
  using TlsServerSession::TlsServerSession;

 private:
  std::optional<Terms> choose(std::string_view server_name) override {
    check_name(server_name);
    if (server_name.ends_with("refused")) return std::nullopt;
    return Terms{.serial = server_name.size()};
  }
  base::Status show(ssl_st&) override { return {}; }
  std::string_view ocsp_response(const x509_st*) const override { return {}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto name = net::server_name_of(bytes)) {
    check_name(*name);
    if (name->empty()) std::abort();
  }
  static const auto context = net::TlsServerContext::make({.http2 = true});
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0) std::abort();
  net::Socket server(fds[0]);
  net::Socket client(fds[1]);
  const iovec piece = net::piece(bytes);
  net::write_some(client.fd(), {&piece, 1});
  ::shutdown(client.fd(), SHUT_WR);
  Session session(*context, server.fd());
  if (session.handshake().kind == net::IoResult::Kind::kDone) std::abort();
  return 0;
}
