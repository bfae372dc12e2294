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

TEST(WantedListeners, DefaultsAreThoseOfApisix) {
  std::vector<std::string> texts;
  for (const auto& item : wanted_listeners(settings::Settings{})) texts.push_back(address_text(item.listen));
  EXPECT_EQ(texts, (std::vector<std::string>{"0.0.0.0:9080", "[::]:9080", "0.0.0.0:9443", "[::]:9443",
                                             "0.0.0.0:9180", "127.0.0.1:9090"}));
}

}  // namespace
}  // namespace apisix::master
