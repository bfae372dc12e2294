#include "master/listeners.h"

#include <algorithm>
#include <set>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace apisix::master {
namespace {

using Purpose = channel::ListenSocket::Purpose;

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(address.sin_port);
}

// A port that was free a moment ago.
std::uint16_t free_port() {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return port_of(fd.get());
}

std::vector<WantedListener> wanted(std::uint16_t port) {
  return {{settings::Listen{.ip = "127.0.0.1", .port = port}, Purpose::kProxy, "apisix.node_listen"}};
}

std::set<int> fds_of(const Listeners& listeners, int index, int workers) {
  std::set<int> out;
  for (const auto& socket : listeners.share_of(index, workers)) out.insert(socket.fd);
  return out;
}

TEST(Listeners, EachWorkerHasASocketOfItsOwn) {
  const auto port = free_port();
  const auto listeners = Listeners::open(wanted(port), 3, {});
  ASSERT_TRUE(listeners) << listeners.error().what;
  std::set<int> all;
  for (int i = 0; i < 3; ++i) {
    const auto share = listeners->share_of(i, 3);
    ASSERT_EQ(share.size(), 1u);
    EXPECT_EQ(port_of(share[0].fd), port);
    EXPECT_EQ(share[0].address, "127.0.0.1:" + std::to_string(port));
    all.insert(share[0].fd);
  }
  EXPECT_EQ(all.size(), 3u);
}

TEST(Listeners, MetricsAndStatusAreTheAgents) {
  std::vector<WantedListener> all = wanted(free_port());
  for (const auto purpose : {Purpose::kMetrics, Purpose::kStatus}) {
    all.push_back({settings::Listen{.ip = "127.0.0.1", .port = free_port()}, purpose, "x"});
  }
  const auto listeners = Listeners::open(all, 2, {});
  ASSERT_TRUE(listeners) << listeners.error().what;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(fds_of(*listeners, i, 2).size(), 1u);
  const auto share = listeners->share_of_agent();
  ASSERT_EQ(share.size(), 2u) << "one socket for each address";
  EXPECT_EQ(share[0].purpose, Purpose::kMetrics);
  EXPECT_EQ(share[1].purpose, Purpose::kStatus);
}

TEST(Listeners, ReloadKeepsSocketsAndFewerWorkersServeThemAll) {
  const auto port = free_port();
  const auto first = Listeners::open(wanted(port), 4, {});
  ASSERT_TRUE(first);
  const auto second = Listeners::open(wanted(port), 3, *first);
  ASSERT_TRUE(second) << second.error().what;
  std::set<int> before;
  std::set<int> after;
  for (int i = 0; i < 4; ++i) before.merge(fds_of(*first, i, 4));
  for (int i = 0; i < 3; ++i) after.merge(fds_of(*second, i, 3));
  EXPECT_EQ(before, after);
}

TEST(Listeners, SparesAreTheOthersSockets) {
  const auto listeners = Listeners::open(wanted(free_port()), 3, {});
  ASSERT_TRUE(listeners);
  std::set<int> all = fds_of(*listeners, 0, 3);
  for (const auto& spare : listeners->spares_of(0, 3)) {
    EXPECT_TRUE(spare.is_spare);
    EXPECT_TRUE(all.insert(spare.fd).second) << "neither its own nor twice";
  }
  EXPECT_EQ(all.size(), 3u);
  const auto shared = Listeners::open(wanted(free_port()), 1, {});
  ASSERT_TRUE(shared);
  EXPECT_TRUE(shared->spares_of(1, 3).empty()) << "all have the same one";
}

TEST(Listeners, OneSocketIsSharedByAllWorkers) {
  const auto listeners = Listeners::open(wanted(free_port()), 1, {});
  ASSERT_TRUE(listeners);
  EXPECT_EQ(fds_of(*listeners, 0, 3), fds_of(*listeners, 2, 3));
  EXPECT_EQ(fds_of(*listeners, 0, 3).size(), 1u);
}

TEST(Listeners, PortOfAnotherInstanceIsFoundAlthoughBothReusePorts) {
  const auto port = free_port();
  const auto mine = Listeners::open(wanted(port), 1, {});
  ASSERT_TRUE(mine);
  const auto theirs = Listeners::open(wanted(port), 1, {});
  ASSERT_FALSE(theirs);
  EXPECT_EQ(theirs.error().what, "cannot listen on 127.0.0.1:" + std::to_string(port) +
                                     " (apisix.node_listen): Address already in use");
}

TEST(Listeners, WildcardMayReplaceAnAddressOfTheSamePort) {
  const auto port = free_port();
  const auto first = Listeners::open(wanted(port), 2, {});
  ASSERT_TRUE(first);
  const std::vector<WantedListener> wider = {
      {settings::Listen{.ip = "0.0.0.0", .port = port}, Purpose::kProxy, "apisix.node_listen"}};
  const auto second = Listeners::open(wider, 2, *first);
  EXPECT_TRUE(second) << second.error().what;
}

// A connection attempt to `port`; non-blocking when it should not be waited for.
base::UniqueFd connect_to(std::uint16_t port, int flags = 0) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | flags, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    fd.reset();
  }
  return fd;
}

int accept_all(const Listeners& listeners) {
  int count = 0;
  for (const int fd : listeners.fds()) {
    while (base::UniqueFd client{::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)}) ++count;
  }
  return count;
}

TEST(Listeners, SocketThatJoinsOthersGetsConnectionsOnlyWhenItListens) {
  const auto port = free_port();
  const auto first = Listeners::open(wanted(port), 1, {});
  ASSERT_TRUE(first);
  auto second = Listeners::open(wanted(port), 8, *first);
  ASSERT_TRUE(second);
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(connect_to(port));
  EXPECT_EQ(accept_all(*first), 40) << "the old worker gets all of them";
  second->start_listening();
  for (int i = 0; i < 100; ++i) clients.push_back(connect_to(port));
  EXPECT_LT(accept_all(*first), 100);
  EXPECT_GT(accept_all(*second), 0);
}

TEST(Listeners, RetiredSocketKeepsItsBacklogAndTakesNoNewConnection) {
  const auto port = free_port();
  auto listeners = Listeners::open(wanted(port), 2, {});
  ASSERT_TRUE(listeners);
  const auto waiting = connect_to(port);
  ASSERT_TRUE(waiting);
  EXPECT_TRUE(listeners->retire(*listeners).empty()) << "its successor has the same sockets";
  ASSERT_EQ(listeners->retire({}), listeners->fds());
  const auto late = connect_to(port, SOCK_NONBLOCK);
  EXPECT_EQ(accept_all(*listeners), 1);
  listeners->close();
  char byte = 0;
  EXPECT_EQ(::recv(late.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN) << "not connected, and not reset either";
}

std::vector<base::UniqueFd> duplicates_of(const std::vector<int>& fds) {
  std::vector<base::UniqueFd> out;
  for (const int fd : fds) out.emplace_back(::dup(fd));
  return out;
}

TEST(Listeners, InheritedSocketsAreUsedForTheirAddress) {
  const auto port = free_port();
  auto old = Listeners::open(wanted(port), 2, {});
  ASSERT_TRUE(old);
  const auto inherited = Listeners::adopt(duplicates_of(old->fds()));
  EXPECT_TRUE(inherited.notes().empty());
  EXPECT_EQ(inherited.fds().size(), 2u);
  const auto mine = Listeners::open(wanted(port), 2, inherited);
  ASSERT_TRUE(mine) << mine.error().what;
  EXPECT_EQ(mine->fds(), inherited.fds());
}

TEST(Listeners, WhatIsNoListeningSocketIsNotInherited) {
  std::vector<base::UniqueFd> fds;
  fds.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
  fds.emplace_back(::socket(AF_INET, SOCK_DGRAM, 0));
  fds.emplace_back(::dup(STDIN_FILENO));
  const auto inherited = Listeners::adopt(std::move(fds));
  EXPECT_TRUE(inherited.fds().empty());
  EXPECT_EQ(inherited.notes().size(), 3u);
}

TEST(Listeners, InheritedSocketThatAllowsNoOtherIsShared) {
  const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));  // without SO_REUSEPORT: as systemd's
  ASSERT_EQ(::listen(socket.get(), 5), 0);                         // binds to a free port
  const auto inherited = Listeners::adopt(duplicates_of({socket.get()}));
  const std::vector<WantedListener> any = {{settings::Listen{.ip = "0.0.0.0", .port = port_of(socket.get())},
                                            Purpose::kProxy, "apisix.node_listen"}};
  const auto mine = Listeners::open(any, 4, inherited);
  ASSERT_TRUE(mine) << mine.error().what;
  EXPECT_EQ(mine->fds().size(), 1u);
  EXPECT_EQ(mine->share_of(3, 4).size(), 1u);
}

TEST(WantedListeners, DefaultsAreThoseOfApisix) {
  std::vector<std::string> texts;
  for (const auto& item : wanted_listeners(settings::Settings{})) texts.push_back(address_text(item.listen));
  EXPECT_EQ(texts, (std::vector<std::string>{"0.0.0.0:9080", "[::]:9080", "0.0.0.0:9443", "[::]:9443",
                                             "0.0.0.0:9180", "127.0.0.1:9090", "127.0.0.1:9091"}));
}

TEST(WantedListeners, PortsOfHttp3AreNamedAsServedOverTcpAlone) {
  settings::Settings settings;
  EXPECT_EQ(unserved_quic(settings), std::nullopt);
  settings.apisix.ssl.listen[1].http3 = true;
  EXPECT_EQ(unserved_quic(settings),
            "apisix.ssl.listen: HTTP/3 (enable_http3) is not served by this version, only HTTPS over TCP on "
            "[::]:9443");
}

}  // namespace
}  // namespace apisix::master
