#include "worker/plugin/client_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/base/unique_fd.h"

namespace apisix::plugin {
namespace {

TEST(ClientSocketTest, TellsTheLocalAddressAndTheFiguresOfItsConnection) {
  const base::UniqueFd listening(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  ASSERT_EQ(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const base::UniqueFd peer(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(peer.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  const base::UniqueFd accepted(::accept(listening.get(), nullptr, nullptr));

  const ClientSocket socket(accepted.get());
  ASSERT_TRUE(socket.local_ip());
  EXPECT_EQ(socket.local_ip()->to_string(), "127.0.0.1");
  EXPECT_GT(socket.tcp_figure("snd_cwnd").value_or(0), 0u);
  EXPECT_GT(socket.tcp_figure("rcv_space").value_or(0), 0u);
  EXPECT_TRUE(socket.tcp_figure("rtt") && socket.tcp_figure("rttvar"));
  EXPECT_FALSE(socket.tcp_figure("rto"));
}

TEST(ClientSocketTest, WithoutASocketNothingIsKnown) {
  const ClientSocket none;
  EXPECT_FALSE(none.local_ip());
  EXPECT_FALSE(none.tcp_figure("rtt"));
}

}  // namespace
}  // namespace apisix::plugin
