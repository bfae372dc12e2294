// Pool and Connection: what becomes of a connection between its leases.
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/base/unique_fd.h"
#include "shared/event/loop.h"
#include "worker/upstream/pool.h"

namespace apisix::upstream {
namespace {

using State = Connection::State;

class ConnectionTest : public testing::Test, protected Connection::User {
 protected:
  ConnectionTest() : listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listening_.get(), 16), 0);
    EXPECT_EQ(::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    endpoint_ = {*base::IpAddress::parse("127.0.0.1"), ntohs(address.sin_port), 0};
  }

  // A leased connection, and the node's end of it.
  Connection& connect() {
    events_.clear();
    auto connection = pool_.connect(endpoint_, *this);
    EXPECT_TRUE(connection);
    EXPECT_EQ((*connection)->state(), State::kConnecting);
    nodes_.emplace_back(::accept(listening_.get(), nullptr, nullptr));
    turn_until("connected 0");
    EXPECT_EQ((*connection)->state(), State::kLeased);
    return **connection;
  }

  void turn() { loop_.run_once(20); }
  void turn_until(const std::string& event) {
    for (int i = 0; i < 100 && (events_.empty() || events_.back() != event); ++i) turn();
    ASSERT_FALSE(events_.empty());
    ASSERT_EQ(events_.back(), event);
  }
  template <typename Condition>
  void turn_until_true(Condition condition) {
    for (int i = 0; i < 100 && !condition(); ++i) turn();
    ASSERT_TRUE(condition());
  }
  void node_says(std::string_view text) {
    ASSERT_EQ(::send(nodes_.back().get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  void on_upstream_connected(int error_number) override {
    events_.push_back("connected " + std::to_string(error_number));
  }
  void on_upstream_readable() override { events_.push_back("readable"); }
  void on_upstream_writable() override { events_.push_back("writable"); }
  void on_upstream_unsent(std::string_view rest, int) override {
    events_.push_back("unsent " + std::to_string(rest.size()));
  }

  event::Loop loop_;
  base::UniqueFd listening_;
  std::vector<base::UniqueFd> nodes_;  // the other ends, the newest last
  Endpoint endpoint_;
  std::vector<std::string> events_;
  Pool pool_{loop_};
};

TEST_F(ConnectionTest, ConnectionIsUsedAgainAfterItWasPut) {
  Connection& connection = connect();
  EXPECT_FALSE(connection.is_reused());
  EXPECT_EQ(connection.tls(), nullptr);
  pool_.put(connection, {});
  EXPECT_EQ(connection.state(), State::kIdle);
  EXPECT_EQ(pool_.idle(), 1u);
  EXPECT_EQ(pool_.take_idle(endpoint_, *this), &connection);
  EXPECT_EQ(connection.state(), State::kLeased);
  EXPECT_TRUE(connection.is_reused());
  EXPECT_EQ(pool_.take_idle(endpoint_, *this), nullptr);
  pool_.drop(connection);
}

TEST_F(ConnectionTest, BytesOfTheNodeAreRead) {
  Connection& connection = connect();
  node_says("hello");
  turn_until("readable");
  std::array<char, 16> buffer;
  EXPECT_EQ(connection.read(buffer).bytes, 5u);
  EXPECT_EQ(connection.read(buffer).kind, net::IoResult::Kind::kAgain);
  pool_.drop(connection);
}

TEST_F(ConnectionTest, PausedConnectionReportsWhenReadingIsWantedAgain) {
  Connection& connection = connect();
  connection.want_read(false);
  node_says("hello");
  turn();
  EXPECT_EQ(events_.back(), "connected 0");
  connection.want_read(true);
  turn_until("readable");
  pool_.drop(connection);
}

TEST_F(ConnectionTest, IdleConnectionThatTheNodeClosesIsDropped) {
  Connection& connection = connect();
  pool_.put(connection, {});
  nodes_.back().reset();
  turn_until_true([this] { return pool_.open() == 0; });
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST_F(ConnectionTest, IdleConnectionOnWhichTheNodeSpeaksIsDropped) {
  Connection& connection = connect();
  pool_.put(connection, {});
  node_says("HTTP/1.1 408 \r\n\r\n");
  turn_until_true([this] { return pool_.open() == 0; });
}

TEST_F(ConnectionTest, UnaskedBytesAreFoundBeforeTheNextLeaseWhenAskedFor) {
  Connection& connection = connect();
  connection.check_before_reuse();
  pool_.put(connection, {});
  node_says("x");
  EXPECT_EQ(pool_.take_idle(endpoint_, *this), nullptr);  // without a turn of the loop
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(ConnectionTest, LimitsCloseInsteadOfKeeping) {
  pool_.put(connect(), {.idle_connections_max = 0});
  EXPECT_EQ(pool_.open(), 0u);
  pool_.put(connect(), {.requests_max = 1});
  EXPECT_EQ(pool_.open(), 0u);
  pool_.put(connect(), {.idle_timeout_ms = 0});
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(ConnectionTest, OldestIdleConnectionMakesRoomForANewerOne) {
  Connection& older = connect();
  Connection& newer = connect();
  pool_.put(older, {.idle_connections_max = 1});
  pool_.put(newer, {.idle_connections_max = 1});
  EXPECT_EQ(pool_.idle(), 1u);
  EXPECT_EQ(pool_.take_idle(endpoint_, *this), &newer);
  pool_.drop(newer);
}

TEST_F(ConnectionTest, ShutdownEndsOurSideOnly) {
  Connection& connection = connect();
  connection.shutdown_write();
  std::array<char, 1> byte;
  EXPECT_EQ(::recv(nodes_.back().get(), byte.data(), 1, 0), 0);
  node_says("late");
  turn_until("readable");
  pool_.drop(connection);
}

TEST_F(ConnectionTest, ResetIsSeenByTheNode) {
  pool_.drop(connect(), /*reset=*/true);
  std::array<char, 1> byte;
  EXPECT_EQ(::recv(nodes_.back().get(), byte.data(), 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(ConnectionTest, RefusedConnectionSaysWhy) {
  listening_.reset();
  auto connection = pool_.connect(endpoint_, *this);
  ASSERT_TRUE(connection);
  turn_until("connected " + std::to_string(ECONNREFUSED));
  pool_.drop(**connection);
}

TEST(ConnectionStateTest, ClosedIsTheEnd) {
  constexpr State kAll[] = {State::kConnecting, State::kHandshaking, State::kLeased, State::kIdle,
                            State::kClosed};
  for (const State to : kAll) {
    EXPECT_EQ(Connection::kMoves.allows(State::kClosed, to), to == State::kClosed) << to_string(to);
    EXPECT_TRUE(Connection::kMoves.allows(to, State::kClosed)) << to_string(to);
  }
  EXPECT_FALSE(Connection::kMoves.allows(State::kConnecting, State::kIdle));
}

}  // namespace
}  // namespace apisix::upstream
