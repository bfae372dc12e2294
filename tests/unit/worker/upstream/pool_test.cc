// Upstream connections between two requests: which is used again, and when it ends. The sockets are real, on
// loopback; timeouts are moved by hand.
#include "worker/upstream/pool.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/event/loop.h"
#include "tests/unit/worker/upstream/node.h"

namespace apisix::upstream {
namespace {

// What the user of a connection was called for.
struct Calls final : Connection::User {
  void on_upstream_connected(int error_number) override {
    connected = true;
    error = error_number;
  }
  void on_upstream_readable() override { ++readable; }
  void on_upstream_writable() override { ++writable; }
  void on_upstream_unsent(std::string_view rest, int) override { unsent += rest; }

  bool connected = false;
  int error = 0;
  int readable = 0;
  int writable = 0;
  std::string unsent;
};

class PoolTest : public ::testing::Test {
 protected:
  // The pool closes idle connections; leased ones are their user's.
  ~PoolTest() override {
    for (Connection* connection : leased_) pool_.drop(*connection);
  }

  // A connection of this user, with the node's end of it kept.
  Connection& connect(SocketNode& node) {
    user_.connected = false;
    Connection* const connection = *pool_.connect(node.endpoint(), user_);
    turn_until([this] { return user_.connected; });
    ends_.push_back(node.accept());
    leased_.insert(connection);
    return *connection;
  }
  Connection& connect() { return connect(node_); }
  Connection* take() {
    Connection* const taken = pool_.take_idle(node_.endpoint(), user_);
    if (taken != nullptr) leased_.insert(taken);
    return taken;
  }
  void put(Connection& connection) {
    leased_.erase(&connection);
    pool_.put(connection, limits_);
  }
  void drop(Connection& connection, bool reset = false) {
    leased_.erase(&connection);
    pool_.drop(connection, reset);
  }

  template <typename Condition>
  void turn_until(Condition condition) {
    for (int turns = 0; !condition() && turns < 1000; ++turns) loop_.run_once(10);
    EXPECT_TRUE(condition());
  }
  // Do not turn the loop behind it: that reads the machine's clock again.
  void pass_ms(std::uint64_t ms) { loop_.timers().advance(loop_.timers().now_ms() + ms); }
  // What the node reads at its end: "" when the connection was closed, "reset" when it was reset.
  static std::string read_at(const net::Socket& end) {
    char bytes[16];
    const ssize_t got = ::recv(end.fd(), bytes, sizeof bytes, 0);
    return got < 0 ? "reset" : std::string(bytes, static_cast<std::size_t>(got));
  }

  event::Loop loop_;
  SocketNode node_;
  Calls user_;
  std::vector<net::Socket> ends_;
  std::set<Connection*> leased_;
  Pool pool_{loop_};
  KeepaliveLimits limits_;
};

// --- connecting

TEST_F(PoolTest, AConnectionIsOpenAndNotIdleOnceItConnected) {
  Connection& connection = connect();
  EXPECT_EQ(user_.error, 0);
  EXPECT_EQ(connection.state(), Connection::State::kLeased);
  EXPECT_FALSE(connection.is_reused());
  EXPECT_EQ(pool_.open(), 1u);
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST_F(PoolTest, ARefusedConnectionIsSaidToItsUser) {
  Endpoint endpoint;
  {
    const SocketNode gone;
    endpoint = gone.endpoint();
  }
  Connection* const connection = *pool_.connect(endpoint, user_);
  turn_until([this] { return user_.connected; });
  EXPECT_EQ(user_.error, ECONNREFUSED);
  drop(*connection);
  EXPECT_EQ(pool_.open(), 0u);
}

// --- between two requests

TEST_F(PoolTest, AConnectionThatWasGivenBackIsUsedAgain) {
  Connection& connection = connect();
  put(connection);
  EXPECT_EQ(pool_.idle(), 1u);
  EXPECT_EQ(connection.state(), Connection::State::kIdle);
  EXPECT_EQ(take(), &connection);
  EXPECT_TRUE(connection.is_reused());
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(pool_.open(), 1u);
}

TEST_F(PoolTest, WithoutAnIdleConnectionNothingIsTaken) {
  EXPECT_EQ(take(), nullptr);
  connect();
  EXPECT_EQ(take(), nullptr);  // it is leased
}

TEST_F(PoolTest, AnotherEndpointsConnectionIsNotTaken) {
  put(connect());
  const SocketNode other;
  EXPECT_EQ(pool_.take_idle(other.endpoint(), user_), nullptr);
  Endpoint over_tls = node_.endpoint();
  over_tls.tls_identity = 1;
  EXPECT_EQ(pool_.take_idle(over_tls, user_), nullptr);
  EXPECT_EQ(pool_.idle(), 1u);
}

TEST_F(PoolTest, TheNewestIdleConnectionIsTakenFirst) {
  Connection& first = connect();
  Connection& second = connect();
  put(first);
  put(second);
  EXPECT_EQ(take(), &second);
  EXPECT_EQ(take(), &first);
}

// --- keepalive_pool

TEST_F(PoolTest, SizeKeepsTheNewestAndClosesTheOldest) {
  limits_.idle_connections_max = 2;
  Connection& first = connect();
  Connection& second = connect();
  Connection& third = connect();
  for (Connection* connection : {&first, &second, &third}) put(*connection);
  EXPECT_EQ(pool_.idle(), 2u);
  EXPECT_EQ(read_at(ends_[0]), "");
  EXPECT_EQ(take(), &third);
  EXPECT_EQ(take(), &second);
}

TEST_F(PoolTest, RequestsAreTheLeasesOfOneConnection) {
  limits_.requests_max = 2;
  Connection& connection = connect();
  put(connection);
  ASSERT_EQ(take(), &connection);
  put(connection);  // its second request is over
  EXPECT_EQ(pool_.open(), 0u);
  EXPECT_EQ(read_at(ends_[0]), "");
}

TEST_F(PoolTest, NothingIsKeptWithAPoolOfNoneOrNoTime) {
  limits_.idle_connections_max = 0;
  put(connect());
  EXPECT_EQ(pool_.open(), 0u);
  limits_ = {};
  limits_.idle_timeout_ms = 0;
  put(connect());
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(PoolTest, AnIdleConnectionIsClosedBehindItsIdleTimeout) {
  limits_.idle_timeout_ms = 1000;
  put(connect());
  pass_ms(990);
  EXPECT_EQ(pool_.idle(), 1u);
  pass_ms(20);
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(pool_.open(), 0u);
  EXPECT_EQ(read_at(ends_[0]), "");
}

TEST_F(PoolTest, TheIdleTimeoutEndsWithTheNextLease) {
  limits_.idle_timeout_ms = 1000;
  Connection& connection = connect();
  put(connection);
  ASSERT_EQ(take(), &connection);
  pass_ms(10'000);
  EXPECT_EQ(pool_.open(), 1u);
}

// --- stale connections

TEST_F(PoolTest, AnIdleConnectionThatTheNodeClosesIsDropped) {
  put(connect());
  ends_.clear();
  turn_until([this] { return pool_.open() == 0; });
  EXPECT_EQ(take(), nullptr);
}

TEST_F(PoolTest, AnIdleConnectionWithBytesThatWereNotAskedForIsDropped) {
  put(connect());
  ASSERT_EQ(::send(ends_[0].fd(), "x", 1, 0), 1);
  turn_until([this] { return pool_.open() == 0; });
  EXPECT_EQ(user_.readable, 0);
}

// The node's bytes are here, and the loop has not looked yet.
TEST_F(PoolTest, ASuspectedConnectionIsLookedAtBeforeItIsTaken) {
  Connection& connection = connect();
  connection.check_before_reuse();
  put(connection);
  ASSERT_EQ(::send(ends_[0].fd(), "x", 1, 0), 1);
  EXPECT_EQ(take(), nullptr);
  EXPECT_EQ(pool_.open(), 0u);
}

// Looking costs a system call for every request: others end by an event of the loop, or by the error of a
// write.
TEST_F(PoolTest, AConnectionThatIsNotSuspectedIsTakenWithoutALook) {
  Connection& connection = connect();
  put(connection);
  ASSERT_EQ(::send(ends_[0].fd(), "x", 1, 0), 1);
  EXPECT_EQ(take(), &connection);
}

TEST_F(PoolTest, ASuspectedConnectionWithoutBytesIsTaken) {
  Connection& connection = connect();
  connection.check_before_reuse();
  put(connection);
  EXPECT_EQ(take(), &connection);
}

// --- ending

TEST_F(PoolTest, AResetIsSeenAsOneByTheNode) {
  drop(connect(), /*reset=*/true);
  EXPECT_EQ(read_at(ends_[0]), "reset");
}

TEST_F(PoolTest, DroppingTwiceIsDroppingOnce) {
  Connection& connection = connect();
  drop(connection);
  drop(connection);
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(PoolTest, IdleConnectionsToAnAddressThatIsGoneAreDropped) {
  put(connect());
  connect();
  pool_.drop_idle(*base::IpAddress::parse("127.0.0.2"));
  EXPECT_EQ(pool_.idle(), 1u);
  pool_.drop_idle(*base::IpAddress::parse("127.0.0.1"));
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(pool_.open(), 1u);  // the leased one
}

TEST_F(PoolTest, RoomIsMadeByTheOldestIdleConnection) {
  EXPECT_FALSE(pool_.drop_one_idle());
  Connection& first = connect();
  Connection& second = connect();
  put(first);
  put(second);
  EXPECT_TRUE(pool_.drop_one_idle());
  EXPECT_EQ(read_at(ends_[0]), "");
  EXPECT_EQ(take(), &second);
  EXPECT_FALSE(pool_.drop_one_idle());
}

TEST_F(PoolTest, AllIdleConnectionsOfAllEndpointsAreDropped) {
  SocketNode other;
  put(connect());
  put(connect(other));
  connect();
  pool_.drop_all_idle();
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_EQ(pool_.open(), 1u);
}

}  // namespace
}  // namespace apisix::upstream
