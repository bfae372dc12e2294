// Connection and Pool with TLS: the handshake, which connections and sessions are shared, and what an idle
// one makes of bytes that are TLS's own.
#include <array>
#include <cerrno>
#include <csignal>
#include <list>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "shared/net/transport.h"
#include "tests/unit/shared/net/tls_node.h"
#include "tests/unit/worker/upstream/node.h"
#include "worker/upstream/pool.h"

namespace apisix::upstream {
namespace {

using State = Connection::State;

class ConnectionTlsTest : public testing::Test, protected Connection::User {
 protected:
  ConnectionTlsTest() { std::signal(SIGPIPE, SIG_IGN); }  // as every process of the gateway does

  TlsTarget target(std::string_view name = "node.test") const {
    return {.context = context_, .server_name = name};
  }
  Endpoint endpoint(const TlsTarget& tls) const {
    Endpoint out = node_.endpoint();
    out.tls_identity = tls.identity();
    return out;
  }
  // Begins to connect; the node accepts, and has said nothing yet.
  Connection& begin(const TlsTarget& tls) {
    events_.clear();
    auto connection = pool_.connect(endpoint(tls), *this, &tls);
    EXPECT_TRUE(connection);
    net::Socket accepted = node_.accept();
    ::fcntl(accepted.fd(), F_SETFL, O_NONBLOCK);
    ends_.emplace_back(std::move(accepted));
    return **connection;
  }
  net::Transport& end() { return ends_.back(); }
  void speak_tls() { end().start_tls(server_.session(end().fd())); }
  // Both sides go on until the user has got a callback.
  void shake_hands() {
    speak_tls();
    for (int i = 0; i < 200 && events_.empty(); ++i) {
      end().handshake();
      loop_.run_once(5);
    }
    ASSERT_FALSE(events_.empty());
    while (end().handshake().kind == net::IoResult::Kind::kAgain) loop_.run_once(5);
  }
  Connection& connect(const TlsTarget& tls) {
    Connection& connection = begin(tls);
    shake_hands();
    EXPECT_EQ(events_.back(), "connected 0");
    return connection;
  }
  template <typename Condition>
  void turn_until(Condition condition) {
    for (int i = 0; i < 200 && !condition(); ++i) loop_.run_once(5);
    ASSERT_TRUE(condition());
  }
  // Content: what comes first may be TLS's own, with an event and nothing to read.
  std::size_t read(Connection& connection, std::span<char> into) {
    net::IoResult got;
    for (int i = 0; i < 200 && !got.done(); ++i) {
      loop_.run_once(5);
      got = connection.read(into);
    }
    return got.bytes;
  }
  void node_says(std::string_view text) {
    const iovec piece = net::piece(text);
    ASSERT_EQ(end().write({&piece, 1}).bytes, text.size());
  }

  void on_upstream_connected(int error_number) override {
    events_.push_back("connected " + std::to_string(error_number));
  }
  void on_upstream_readable() override { events_.emplace_back("readable"); }
  void on_upstream_writable() override { events_.emplace_back("writable"); }
  void on_upstream_unsent(std::string_view, int) override { events_.emplace_back("unsent"); }

  event::Loop loop_;
  net::TlsNode server_{"node.test"};
  SocketNode node_;
  std::list<net::Transport> ends_;  // the node's, the newest last
  std::vector<std::string> events_;
  base::Ref<const net::TlsClientContext> context_ =
      *net::TlsClientContext::make({.verify = false, .takes_bare_end = true});
  Pool pool_{loop_};
};

TEST_F(ConnectionTlsTest, UserIsCalledBehindTheHandshake) {
  Connection& connection = begin(target());
  turn_until([&] { return connection.state() == State::kHandshaking; });
  EXPECT_TRUE(events_.empty());
  shake_hands();
  EXPECT_EQ(events_.back(), "connected 0");
  EXPECT_EQ(connection.state(), State::kLeased);
  ASSERT_NE(connection.tls(), nullptr);
  EXPECT_EQ(connection.tls()->version, "TLSv1.3");
  EXPECT_EQ(end().tls()->sni, "node.test");
  pool_.drop(connection);
}

TEST_F(ConnectionTlsTest, BytesGoThroughTls) {
  Connection& connection = connect(target());
  const iovec piece = net::piece("question");
  EXPECT_EQ(connection.write({&piece, 1}).bytes, 8u);
  std::array<char, 16> buffer;
  EXPECT_EQ(end().read(buffer).bytes, 8u);
  node_says("response");
  EXPECT_EQ(read(connection, buffer), 8u);
  EXPECT_EQ(events_.back(), "readable");
  pool_.drop(connection);
}

TEST_F(ConnectionTlsTest, RestOfARecordIsReportedWithoutAnEvent) {
  Connection& connection = connect(target());
  node_says("0123456789");
  std::array<char, 4> small;
  EXPECT_EQ(read(connection, small), 4u);
  EXPECT_TRUE(connection.has_pending());
  events_.emplace_back("-");
  connection.want_read(true);
  turn_until([&] { return events_.back() == "readable"; });
  std::array<char, 16> buffer;
  EXPECT_EQ(connection.read(buffer).bytes, 6u);
  pool_.drop(connection);
}

TEST_F(ConnectionTlsTest, NodeThatSpeaksPlainFailsTheHandshake) {
  Connection& connection = begin(target());
  node_says("HTTP/1.1 400 Bad Request\r\n\r\n");
  turn_until([&] { return !events_.empty(); });
  EXPECT_EQ(events_.back(), "connected " + std::to_string(EPROTO));
  EXPECT_EQ(connection.failure_text(),
            "SSL_do_handshake() failed (SSL: TLS: wrong version number) while SSL handshaking to upstream");
  pool_.drop(connection);
}

TEST_F(ConnectionTlsTest, NodeThatClosesFailsTheHandshake) {
  Connection& connection = begin(target());
  turn_until([&] { return connection.state() == State::kHandshaking; });
  std::array<char, 2048> hello;
  ASSERT_GT(end().read(hello).bytes, 0u);  // else the end is a reset
  end().close();
  turn_until([&] { return !events_.empty(); });
  EXPECT_EQ(events_.back(), "connected " + std::to_string(EPROTO));
  EXPECT_TRUE(connection.failure_text().starts_with("peer closed connection in SSL handshake ("))
      << connection.failure_text();
  pool_.drop(connection);
}

TEST_F(ConnectionTlsTest, CertificateThatIsNotTrustedFailsTheHandshakeWhereItIsVerified) {
  context_ = *net::TlsClientContext::make({.verify = true});
  Connection& connection = begin(target());
  shake_hands();
  EXPECT_EQ(events_.back(), "connected " + std::to_string(EPROTO));
  EXPECT_EQ(connection.failure_text(),
            "SSL_do_handshake() failed (SSL: self-signed certificate) while SSL handshaking to upstream");
  pool_.drop(connection);
}

TEST_F(ConnectionTlsTest, ConnectionThatIsDroppedInTheHandshakeIsGone) {
  Connection& connection = begin(target());
  turn_until([&] { return connection.state() == State::kHandshaking; });
  pool_.drop(connection);
  EXPECT_EQ(pool_.open(), 0u);
  loop_.run_once(5);
  EXPECT_TRUE(events_.empty());
}

TEST_F(ConnectionTlsTest, ConnectionsAreSharedByServerNameAndContextOnly) {
  const TlsTarget tls = target();
  pool_.put(connect(tls), {});
  const base::Ref<const net::TlsClientContext> other = *net::TlsClientContext::make({.verify = false});
  const TlsTarget of_another_name = target("other.test");
  const TlsTarget by_another_context{.context = other, .server_name = "node.test"};
  const TlsTarget with_alpn{.context = context_, .server_name = "node.test", .alpn = "\x02h2"};
  for (const TlsTarget& wanted : {of_another_name, by_another_context, with_alpn}) {
    EXPECT_NE(wanted.identity(), tls.identity());
    EXPECT_EQ(pool_.take_idle(endpoint(wanted), *this, &wanted), nullptr);
  }
  EXPECT_EQ(pool_.take_idle(node_.endpoint(), *this), nullptr);  // plain
  Connection* const same = pool_.take_idle(endpoint(tls), *this, &tls);
  ASSERT_NE(same, nullptr);
  pool_.drop(*same);
}

TEST_F(ConnectionTlsTest, EqualIdentitiesOfTwoNamesShareNothing) {
  const TlsTarget one = target("one.test");
  const TlsTarget two = target("two.test");
  pool_.put(connect(one), {});
  EXPECT_EQ(pool_.take_idle(endpoint(one), *this, &two), nullptr);  // as if the hashes collided
  Connection* const first = pool_.take_idle(endpoint(one), *this, &one);
  ASSERT_NE(first, nullptr);
  pool_.drop(*first);
}

TEST_F(ConnectionTlsTest, NextConnectionResumesTheSession) {
  Connection& first = connect(target());
  EXPECT_FALSE(server_.has_resumed());
  node_says("x");  // behind the tickets
  std::array<char, 4> byte;
  EXPECT_EQ(read(first, byte), 1u);
  Connection& second = connect(target());
  EXPECT_TRUE(server_.has_resumed());
  Connection& of_another_name = connect(target("other.test"));
  EXPECT_FALSE(server_.has_resumed());
  for (Connection* connection : {&first, &second, &of_another_name}) pool_.drop(*connection);
}

TEST_F(ConnectionTlsTest, TicketsThatComeWhileItIsIdleDoNotEndIt) {
  Connection& connection = connect(target());
  pool_.put(connection, {});
  loop_.run_once(5);
  loop_.run_once(5);
  EXPECT_EQ(connection.state(), State::kIdle);
  EXPECT_EQ(pool_.idle(), 1u);
  node_says("unasked");
  turn_until([&] { return pool_.open() == 0; });
}

TEST_F(ConnectionTlsTest, IdleConnectionEndsWithTheNodesCloseNotify) {
  const TlsTarget tls = target();
  Connection& connection = connect(tls);
  pool_.put(connection, {});
  end().close();
  turn_until([&] { return pool_.open() == 0; });
  EXPECT_EQ(pool_.take_idle(endpoint(tls), *this, &tls), nullptr);
}

}  // namespace
}  // namespace apisix::upstream
