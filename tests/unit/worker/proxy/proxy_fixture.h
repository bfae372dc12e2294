// A proxy without processes: a registry on an embedded store, and clients and nodes that are sockets of the
// test, turned by one loop. Time passes by Loop::skip_ms().
#pragma once

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/async/signal.h"
#include "shared/base/random.h"
#include "shared/channel/child_context.h"
#include "shared/event/turn_batch.h"
#include "shared/store/local_store.h"
#include "tests/unit/shared/store/store_fixture.h"
#include "worker/config/registry.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/local_service.h"
#include "worker/upstream/cluster.h"

namespace apisix::proxy {

// One end of a TCP connection, of a client or a node. What arrived is in `received`.
class Peer {
 public:
  explicit Peer(int fd) : socket_(fd) { ::fcntl(fd, F_SETFL, O_NONBLOCK); }

  void send(std::string_view bytes) {
    ASSERT_EQ(::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // The bytes that the socket takes now.
  std::size_t try_send(std::string_view bytes) {
    const ssize_t sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  void pump() {
    char bytes[65536];
    for (;;) {
      const ssize_t got = ::recv(socket_.fd(), bytes, sizeof bytes, 0);
      if (got < 0 && errno == EAGAIN) return;
      was_reset = got < 0;
      is_closed = got <= 0;
      if (is_closed) return;
      received.append(bytes, static_cast<std::size_t>(got));
    }
  }
  bool has(std::string_view text) {
    pump();
    return received.find(text) != std::string::npos;
  }
  bool ended() {
    pump();
    return is_closed;
  }
  void shutdown_write() { ::shutdown(socket_.fd(), SHUT_WR); }
  void close() { socket_.close(); }
  void reset() { socket_.reset(); }

  std::string received;
  bool is_closed = false;
  bool was_reset = false;

 private:
  net::Socket socket_;
};

// A listening socket on a free port.
class Acceptor {
 public:
  Acceptor() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(socket_.fd(), 64), 0);
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }
  // -1: no connection waits.
  int accept_fd() {
    ::fcntl(socket_.fd(), F_SETFL, O_NONBLOCK);
    return ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }
  // Null: no connection waits.
  std::unique_ptr<Peer> accept() {
    const int fd = accept_fd();
    return fd < 0 ? nullptr : std::make_unique<Peer>(fd);
  }
  void close() { socket_.close(); }

 private:
  net::Socket socket_;
  std::uint16_t port_ = 0;
};

// Answers with the method, the path and the body; "/wait" once go_on is notified, "/big" with more than a
// socket takes.
class EchoService final : public LocalService {
 public:
  explicit EchoService(event::Loop& loop) : go_on(loop) {}
  async::Task<LocalResponse> serve(const LocalRequest& request) override {
    ++served;
    if (request.path == "/wait") co_await go_on.wait(kForever);
    std::string body = fmt::format("{} {} {}", request.method, request.path, request.body);
    if (request.path == "/big") body.insert(0, kBigBytes, 'x');
    co_return LocalResponse{200, "text/plain", std::move(body), {}};
  }
  std::size_t body_bytes_max(const LocalRequest& request) const override {
    return request.path == "/no-body" ? 0 : 1000;
  }

  static constexpr std::uint64_t kForever = 1'000'000'000;
  static constexpr std::size_t kBigBytes = std::size_t{8} << 20;
  async::Signal go_on;
  int served = 0;
};

class ProxyTest : public store::StoreTest {
 protected:
  // APISIX_IO_URING=always: the same tests with turn batches, from one connection on.
  ProxyTest() {
    const char* const io_uring = std::getenv("APISIX_IO_URING");
    if (io_uring != nullptr && std::string_view(io_uring) == "always") loop_.batch().open(1);
    auto store = store::LocalStore::open(loop_, options_);
    EXPECT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
    proxy_options_.server_header = http::FieldLine(http::KnownHeader::kServer, "APISIX");
    proxy_options_.client_header_timeout_ms = 20'000;
    proxy_options_.client_body_timeout_ms = 30'000;
    proxy_options_.keepalive_timeout_ms = 75'000;
  }
  ~ProxyTest() override {
    if (services_) services_->connections.close_all();
  }

  void put(std::string_view key, std::string value) {
    const auto done =
        store::wait_for(loop_, store_->txn(store::put(fmt::format("/apisix/{}", key), std::move(value))));
    ASSERT_TRUE(done && done->succeeded);
  }
  // Routes "/*" to the nodes.
  void route_to(std::initializer_list<const Acceptor*> nodes, std::string_view more = "") {
    std::string list;
    for (const Acceptor* node : nodes) {
      list += fmt::format(R"({}{{"host":"127.0.0.1","port":{},"weight":1}})", list.empty() ? "" : ",",
                          node->port());
    }
    put("routes/1",
        fmt::format(R"({{"id":"1","uri":"/*","upstream":{{"type":"roundrobin","nodes":[{}]}}{}}})", list,
                    more));
  }
  void start() {
    config::RegistryOptions options;
    registry_ =
        std::make_unique<config::Registry>(loop_, *store_, upstream::ClusterDeps{random_, loads_}, options);
    ASSERT_TRUE(store::wait_for(loop_, registry_->load()));
    services_ = std::make_unique<Services>(ServicesDeps{.loop = loop_,
                                                        .options = proxy_options_,
                                                        .registry = *registry_,
                                                        .status = *status_,
                                                        .tallies = tallies_});
    channel::ListenSocket none;
    none.listen.http2 = true;
    proxy_listener_ = std::make_unique<Listener>(*services_, none, ClientKind::kProxy, nullptr);
    local_listener_ = std::make_unique<Listener>(*services_, none, ClientKind::kControl, &echo_);
  }
  std::unique_ptr<Peer> connect(const Listener& listener) {
    Acceptor acceptor;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(acceptor.port());
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    sockaddr_storage peer{};
    std::memcpy(&peer, &address, sizeof address);
    net::Socket accepted;
    EXPECT_TRUE(store::turn_until(loop_, [&] {
      const int got = acceptor.accept_fd();
      if (got >= 0) accepted = net::Socket(got);
      return got >= 0;
    }));
    services_->tallies.active.add();
    auto* connection = new ClientConnection(listener, std::move(accepted), peer);
    services_->connections.add(*connection);
    connection->start();
    return std::make_unique<Peer>(fd);
  }
  std::unique_ptr<Peer> connect() { return connect(*proxy_listener_); }
  std::unique_ptr<Peer> connect_local() { return connect(*local_listener_); }

  template <typename Done>
  [[nodiscard]] bool turn_until(Done done) {
    return store::turn_until(loop_, done);
  }
  void turn(int turns = 5) {
    for (int i = 0; i < turns; ++i) loop_.run_once(1);
  }
  void pass_ms(std::uint64_t ms) {
    loop_.skip_ms(ms);
    turn();
  }
  std::unique_ptr<Peer> accepted_by(Acceptor& node) {
    std::unique_ptr<Peer> peer;
    EXPECT_TRUE(turn_until([&] { return (peer = node.accept()) != nullptr; }));
    return peer;
  }
  // What the client has got once `text` was in it.
  std::string wait_for(Peer& peer, std::string_view text) {
    EXPECT_TRUE(turn_until([&] { return peer.has(text) || peer.is_closed; })) << peer.received;
    EXPECT_TRUE(peer.has(text)) << peer.received;
    return peer.received;
  }
  void wait_for_end(Peer& peer) {
    EXPECT_TRUE(turn_until([&] { return peer.ended(); })) << peer.received;
  }

  event::Loop loop_;
  base::Random random_{1};
  upstream::LoadRegistry loads_;
  base::Result<memory::StatusZone> status_ = memory::StatusZone::create();
  memory::ConnectionTallies tallies_{};
  Options proxy_options_;
  std::unique_ptr<store::LocalStore> store_;
  std::unique_ptr<config::Registry> registry_;
  EchoService echo_{loop_};
  std::unique_ptr<Services> services_;
  std::unique_ptr<Listener> proxy_listener_;
  std::unique_ptr<Listener> local_listener_;
};

}  // namespace apisix::proxy
