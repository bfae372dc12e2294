// FakeNode: a TCP server on the test's own loop. It responds to each request head with what the test says.
#pragma once

#include <functional>
#include <list>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/event/io_watch.h"
#include "shared/event/loop.h"

namespace apisix::agent {

class FakeNode {
 public:
  explicit FakeNode(event::Loop& loop, std::uint16_t port = 0)
      : loop_(loop),
        watch_(loop, [](void* self, bool, bool) { static_cast<FakeNode*>(self)->on_connection(); }, this) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 1000);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    watch_.start(fd_);
  }
  ~FakeNode() {
    watch_.stop();
    ::close(fd_);
  }

  std::uint16_t port() const { return port_; }
  void close_all() { clients_.clear(); }

  std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  bool closes = false;  // after each response
  bool is_mute = false;
  int connections = 0;
  std::list<std::string> requests;

 private:
  struct Client {
    Client(FakeNode& node, int fd)
        : node(node),
          fd(fd),
          watch(node.loop_, [](void* self, bool, bool) { static_cast<Client*>(self)->on_bytes(); }, this) {
      watch.start(fd);
    }
    ~Client() {
      watch.stop();
      ::close(fd);
    }
    void on_bytes() {
      char bytes[4096];
      const ssize_t got = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got <= 0) return node.drop(*this);
      received.append(bytes, static_cast<std::size_t>(got));
      while (received.contains("\r\n\r\n")) {
        node.requests.push_back(std::exchange(received, {}));
        if (node.is_mute) return;
        [[maybe_unused]] const auto sent =
            ::send(fd, node.response.data(), node.response.size(), MSG_NOSIGNAL);
        if (node.closes) return node.drop(*this);
      }
    }
    FakeNode& node;
    int fd;
    event::IoWatch watch;
    std::string received;
    event::ReadyNode dropped;
  };

  void on_connection() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    ++connections;
    clients_.emplace_back(*this, fd);
  }
  void drop(Client& client) {
    const auto remove = [](void* dropped) {
      static_cast<Client*>(dropped)->node.clients_.remove_if(
          [dropped](const Client& each) { return &each == dropped; });
    };
    loop_.end_of_turn().push(client.dropped, remove, &client);
    client.watch.stop();
  }

  event::Loop& loop_;
  event::IoWatch watch_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::list<Client> clients_;
};

}  // namespace apisix::agent
