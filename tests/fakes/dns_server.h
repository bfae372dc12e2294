// ScriptedDnsServer: a name server on a free loopback port, UDP and TCP, inside the test's own event loop.
// The script sees each question ("A name") and says what goes back: replies, delays, silence, truncation,
// errors, forgeries.
#pragma once

#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/check.h"
#include "shared/base/ip.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"

namespace apisix::resolve {

struct DnsRecord {
  std::string owner;
  std::uint16_t type = 1;
  std::uint32_t ttl_seconds = 60;
  std::string data;
};

inline std::string dns_u16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
inline std::string dns_name(const std::string& name) {
  std::string out;
  std::size_t at = 0;
  while (at < name.size()) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    out += static_cast<char>(end - at);
    out += name.substr(at, end - at);
    at = end + 1;
  }
  return out + '\0';
}
inline DnsRecord dns_address(const std::string& owner, const std::string& text,
                             std::uint32_t ttl_seconds = 60) {
  const auto address = *base::IpAddress::parse(text);
  const auto* bytes = reinterpret_cast<const char*>(address.bytes().data());
  if (address.is_v4()) return {owner, 1, ttl_seconds, std::string(bytes + 12, 4)};
  return {owner, 28, ttl_seconds, std::string(bytes, 16)};
}
inline DnsRecord dns_cname(const std::string& owner, const std::string& target,
                           std::uint32_t ttl_seconds = 60) {
  return {owner, 5, ttl_seconds, dns_name(target)};
}
inline DnsRecord dns_srv(const std::string& owner, int priority, int weight, int port,
                         const std::string& target, std::uint32_t ttl_seconds = 60) {
  return {owner, 33, ttl_seconds,
          dns_u16(static_cast<std::size_t>(priority)) + dns_u16(static_cast<std::size_t>(weight)) +
              dns_u16(static_cast<std::size_t>(port)) + dns_name(target)};
}

struct DnsScriptReply {
  std::vector<DnsRecord> records = {};
  int rcode = 0;  // 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED
  std::uint64_t delay_ms = 0;
  bool truncated = false;  // UDP: TC set, no records
  bool wrong_id = false;
  bool from_another_port = false;
  std::string question = {};  // echoed instead of the one that was asked
  std::string raw = {};       // sent behind the id instead of a message
};

inline std::string dns_message(std::uint16_t id, const std::string& name, std::uint16_t type,
                               const DnsScriptReply& reply) {
  const bool cut = reply.truncated;
  std::string out = dns_u16(id);
  out += static_cast<char>(0x81 | (cut ? 2 : 0));
  out += static_cast<char>(0x80 | reply.rcode);
  out += dns_u16(1) + dns_u16(cut ? 0 : reply.records.size()) + dns_u16(0) + dns_u16(0);
  out += dns_name(name) + dns_u16(type) + dns_u16(1);
  if (cut) return out;
  for (const auto& record : reply.records) {
    out += dns_name(record.owner) + dns_u16(record.type) + dns_u16(1);
    out += dns_u16(record.ttl_seconds >> 16) + dns_u16(record.ttl_seconds & 0xffff);
    out += dns_u16(record.data.size()) + record.data;
  }
  return out;
}

class ScriptedDnsServer {
 public:
  // Several replies: all are sent, in order of their delays. None: silence.
  using Script = std::function<std::vector<DnsScriptReply>(const std::string& question, bool over_tcp)>;

  // Port 0 takes a free one.
  ScriptedDnsServer(event::Loop& loop, Script script, std::uint16_t port = 0)
      : loop_(loop),
        script_(std::move(script)),
        udp_(*this, &ScriptedDnsServer::on_udp),
        tcp_(*this, &ScriptedDnsServer::on_accept) {
    for (int attempt = 0; attempt < 50 && !listening_; ++attempt) try_to_listen(port);
    CHECK(listening_);
    udp_.watch.start(udp_.fd);
    tcp_.watch.start(tcp_.fd);
  }

  std::uint16_t port() const { return port_; }
  // Every question as it came in, with " tcp" behind those over TCP.
  std::vector<std::string> questions;

 private:
  struct Socket {
    using Event = void (ScriptedDnsServer::*)(Socket&);
    Socket(ScriptedDnsServer& server, Event event)
        : server(server),
          event(event),
          watch(
              server.loop_,
              [](void* self, bool, bool) {
                auto* socket = static_cast<Socket*>(self);
                (socket->server.*socket->event)(*socket);
              },
              this) {}
    ~Socket() {
      watch.stop();
      if (fd >= 0) ::close(fd);
    }
    ScriptedDnsServer& server;
    Event event;
    int fd = -1;
    std::string received;
    event::IoWatch watch;
  };
  struct Delayed {
    Delayed(event::Loop& loop, std::function<void()> work)
        : work(std::move(work)),
          timer(loop.timers(), [](void* self) { static_cast<Delayed*>(self)->work(); }, this) {}
    std::function<void()> work;
    event::Timer timer;
  };

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void try_to_listen(std::uint16_t port) {
    if (udp_.fd >= 0) ::close(udp_.fd);
    if (tcp_.fd >= 0) ::close(tcp_.fd);
    udp_.fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    tcp_.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(tcp_.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    socklen_t length = sizeof address;
    if (::bind(udp_.fd, reinterpret_cast<sockaddr*>(&address), length) != 0) return;
    ::getsockname(udp_.fd, reinterpret_cast<sockaddr*>(&address), &length);
    if (::bind(tcp_.fd, reinterpret_cast<sockaddr*>(&address), length) != 0) return;
    listening_ = ::listen(tcp_.fd, 16) == 0;
    port_ = ntohs(address.sin_port);
  }

  void on_udp(Socket& socket) {
    char buffer[1500];
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    const ssize_t got =
        ::recvfrom(socket.fd, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer), &length);
    if (got <= 0) return;
    respond({buffer, static_cast<std::size_t>(got)}, false,
            [this, peer](const std::string& message, bool elsewhere) {
              const int other = elsewhere ? ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
              ::sendto(elsewhere ? other : udp_.fd, message.data(), message.size(), 0,
                       reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
              if (elsewhere) ::close(other);
            });
  }

  void on_accept(Socket&) {
    const int fd = ::accept4(tcp_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    auto& client = clients_.emplace_back(*this, &ScriptedDnsServer::on_tcp);
    client.fd = fd;
    client.watch.start(fd);
  }

  void on_tcp(Socket& socket) {
    char buffer[1500];
    const ssize_t got = ::recv(socket.fd, buffer, sizeof buffer, 0);
    if (got <= 0) return clients_.remove_if([&](const Socket& client) { return &client == &socket; }), void();
    socket.received.append(buffer, static_cast<std::size_t>(got));
    while (socket.received.size() >= 2) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(socket.received.data());
      const std::size_t length = static_cast<std::size_t>(bytes[0]) << 8 | bytes[1];
      if (socket.received.size() < 2 + length) return;
      const std::string message = socket.received.substr(2, length);
      socket.received.erase(0, 2 + length);
      const int fd = socket.fd;
      respond(message, true, [fd](const std::string& reply, bool) {
        const std::string framed = dns_u16(reply.size()) + reply;
        ::send(fd, framed.data(), framed.size(), MSG_NOSIGNAL);
      });
    }
  }

  template <typename Send>
  void respond(const std::string& query, bool over_tcp, Send send) {
    if (query.size() < 17) return;
    const auto id = static_cast<std::uint16_t>(static_cast<unsigned char>(query[0]) << 8 |
                                               static_cast<unsigned char>(query[1]));
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto label = static_cast<std::size_t>(query[at]);
      name += (name.empty() ? "" : ".") + query.substr(at + 1, label);
      at += 1 + label;
    }
    const auto type = static_cast<std::uint16_t>(static_cast<unsigned char>(query[at + 1]) << 8 |
                                                 static_cast<unsigned char>(query[at + 2]));
    const std::string kind = type == 1 ? "A " : type == 28 ? "AAAA " : type == 33 ? "SRV " : "? ";
    questions.push_back(kind + name + (over_tcp ? " tcp" : ""));
    for (const auto& reply : script_(kind + name, over_tcp)) {
      const std::uint16_t answer_id = reply.wrong_id ? static_cast<std::uint16_t>(id + 1) : id;
      DnsScriptReply sent = reply;
      if (over_tcp) sent.truncated = false;
      const std::string message =
          reply.raw.empty()
              ? dns_message(answer_id, reply.question.empty() ? name : reply.question, type, sent)
              : dns_u16(answer_id) + reply.raw;
      if (reply.delay_ms == 0) {
        send(message, reply.from_another_port);
        continue;
      }
      delayed_.push_back(std::make_unique<Delayed>(
          loop_, [send, message, elsewhere = reply.from_another_port] { send(message, elsewhere); }));
      delayed_.back()->timer.set_after_ms(reply.delay_ms);
    }
  }

  event::Loop& loop_;
  Script script_;
  bool listening_ = false;
  std::uint16_t port_ = 0;
  Socket udp_;
  Socket tcp_;
  std::list<Socket> clients_;
  std::vector<std::unique_ptr<Delayed>> delayed_;
};

}  // namespace apisix::resolve
