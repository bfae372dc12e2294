// Any bytes as what a node sends in HTTP/2, in reads of any size, through a connection with three exchanges.
// Whatever comes, each owner gets its callbacks in their order: heads, a response, content, one end or one
// failure; content is as long as its head says; and nothing is left when all is over.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/base/check.h"
#include "shared/event/loop.h"
#include "shared/http/h1/head_writer.h"
#include "shared/net/socket.h"
#include "worker/upstream/pool.h"

namespace apisix::upstream {
namespace {

struct FuzzOwner final : Exchange::User {
  void on_connected() override {
    was_connected = true;
    http::RequestWrite head{.method = "POST", .target = "/p", .host = "a.test"};
    head.framing = http::Framing::kChunked;
    CHECK(exchange->write_head(head, {.end = ends_at_once}));
  }
  void on_head_progress() override {}
  void on_informational(http::ResponseHead& head) override {
    CHECK(!is_over && status == 0 && head.status >= 100 && head.status < 200 && head.status != 101);
  }
  void on_response(http::ResponseHead& head) override {
    CHECK(!is_over && status == 0 && head.status >= 200);
    status = head.status;
    length = head.framing == http::Framing::kLength ? head.content_length : ~std::uint64_t{0};
    is_empty = head.framing == http::Framing::kNone;
    for (const http::HeaderField& field : head.headers) {
      CHECK(!http::is_hop_by_hop(field) || field.id == http::KnownHeader::kContentLength ||
            field.id == http::KnownHeader::kTrailer || field.id == http::KnownHeader::kTe ||
            field.id == http::KnownHeader::kExpect || field.id == http::KnownHeader::kHttp2Settings);
      CHECK(http::is_token(field.name) && http::is_valid_header_value(field.value));
    }
  }
  void on_response_content(const http::Content& content, bool) override {
    CHECK(!is_over && status != 0);
    std::size_t size = 0;
    for (const iovec& piece : content.pieces) size += piece.iov_len;
    CHECK(size == content.bytes && (content.trailers == nullptr || content.end));
    bytes += size;
    CHECK(!is_empty || bytes == 0);
    is_over = content.end;
    if (is_over && length != ~std::uint64_t{0}) CHECK(bytes == length);
    if (!is_over && pauses) exchange->pause_response();
  }
  void on_upgrade(http::ResponseHead&, std::string_view) override { CHECK(false); }
  void on_tunnel_bytes(std::string_view) override { CHECK(false); }
  void on_tunnel_closed() override { CHECK(false); }
  void on_request_writable() override { CHECK(!is_over); }
  void on_failed(const Exchange::Failure&) override {
    CHECK(!is_over);
    is_over = true;
  }

  std::unique_ptr<Exchange> exchange;
  std::uint64_t length = 0;
  std::uint64_t bytes = 0;
  std::uint16_t status = 0;
  bool was_connected = false;
  bool ends_at_once = true;
  bool pauses = false;
  bool is_empty = false;
  bool is_over = false;
};

class Fuzzed {
 public:
  Fuzzed() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::bind(listening_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listening_.fd(), 16) == 0);
    socklen_t length = sizeof address;
    CHECK(::getsockname(listening_.fd(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    endpoint_ = {.ip = *base::IpAddress::parse("127.0.0.1"), .port = ntohs(address.sin_port)};
  }

  // The first byte: how long each read is, and what the owners do.
  void run(std::string_view input) {
    const auto choice = static_cast<unsigned char>(input[0]);
    input.remove_prefix(1);
    base::Arena arena;
    FuzzOwner owners[3];
    for (FuzzOwner& owner : owners) open(owner, arena, choice);
    for (int turns = 0; turns < 50 && !owners[2].was_connected; ++turns) loop_.run_once(1);
    const net::Socket node(::accept(listening_.fd(), nullptr, nullptr));
    const std::size_t read_bytes = (choice & 0x3f) == 0 ? input.size() : (choice & 0x3f) * 4u;
    for (loop_.run_once(0); !input.empty();) {
      const std::string_view part = input.substr(0, read_bytes);
      input.remove_prefix(part.size());
      if (::send(node.fd(), part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
      loop_.run_once(0);
    }
    ::shutdown(node.fd(), SHUT_WR);
    for (int turns = 0; turns < 20 && pool_.open() > 0; ++turns) loop_.run_once(1);
    CHECK(pool_.open() == 0);
    for (const FuzzOwner& owner : owners) CHECK(owner.is_over);
    loop_.run_once(0);
  }

 private:
  void open(FuzzOwner& owner, base::Arena& arena, unsigned char choice) {
    owner.ends_at_once = (choice & 0x40) == 0;
    owner.pauses = (choice & 0x80) != 0;
    auto opened = pool_.open({.endpoint = endpoint_,
                              .arena = arena,
                              .keepalive = limits_,
                              .method = http::Method::kPost,
                              .protocol = http::Protocol::k2},
                             owner);
    CHECK(opened);
    owner.exchange = std::move(*opened);
  }

  event::Loop loop_;
  KeepaliveLimits limits_;
  Pool pool_{loop_};
  net::Socket listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Endpoint endpoint_;
};

}  // namespace
}  // namespace apisix::upstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static apisix::upstream::Fuzzed fuzzed;
  if (size > 0 && size < 65'536) fuzzed.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
