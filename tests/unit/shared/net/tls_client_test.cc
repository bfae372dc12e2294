// TlsClientContext and OpensslSession: a client and a server in one thread, on a socket pair.
#include "shared/net/tls_client.h"

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "shared/net/tls_client_contexts.h"
#include "shared/net/transport.h"
#include "tests/unit/shared/net/socket_pair.h"
#include "tests/unit/shared/net/tls_node.h"

namespace apisix::net {
namespace {

using Kind = IoResult::Kind;

class TlsClientTest : public testing::Test {
 protected:
  TlsClientTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as every process of the gateway does
    SocketPair pair;
    client_ = Transport(std::move(pair.a));
    server_ = Transport(std::move(pair.b));
    server_.start_tls(node_.session(server_.fd()));
  }

  // What both sides ended with.
  std::pair<IoResult, IoResult> connect(const std::string& name, bool verify = false) {
    auto context = TlsClientContext::make({.verify = verify});
    if (!context) return {};
    auto session = (*context)->start_session(client_.fd(), {.server_name = name});
    if (!session) return {};
    client_.start_tls(std::move(*session));
    return shake_hands();
  }
  std::pair<IoResult, IoResult> shake_hands() {
    std::pair<IoResult, IoResult> out;
    for (int i = 0; i < 20 && !(out.first.done() && out.second.done()); ++i) {
      if (out.first.kind == Kind::kAgain) out.first = client_.handshake();
      if (out.second.kind == Kind::kAgain) out.second = server_.handshake();
    }
    return out;
  }

  static void send(Transport& from, std::string_view bytes) {
    const iovec one = piece(bytes);
    ASSERT_EQ(from.write({&one, 1}).bytes, bytes.size());
  }

  TlsNode node_{"node.example"};
  Transport client_;
  Transport server_;
  std::array<char, 64 * 1024> buffer_;
};

TEST_F(TlsClientTest, HandshakeTellsWhatWasAgreedOn) {
  EXPECT_EQ(client_.tls(), nullptr);
  const auto [client, server] = connect("node.example");
  ASSERT_TRUE(client.done() && server.done());
  const TlsInfo& info = *client_.tls();
  EXPECT_EQ(info.sni, "node.example");
  EXPECT_EQ(info.version, "TLSv1.3");
  EXPECT_TRUE(info.cipher.starts_with("TLS_")) << info.cipher;
  EXPECT_EQ(info.alpn, "");
  EXPECT_EQ(info.peer_certificate, node_.certificate_der());
  EXPECT_EQ(server_.tls()->sni, "node.example");
  EXPECT_EQ(server_.tls()->peer_certificate, "");
}

TEST_F(TlsClientTest, FactsSayHowTheHandshakeWent) {
  const auto [client, server] = connect("node.example");
  ASSERT_TRUE(client.done() && server.done());
  const TlsFacts& facts = *server_.tls()->facts;
  EXPECT_FALSE(facts.is_early());
  EXPECT_EQ(facts.curve(), "X25519");
  EXPECT_TRUE((":" + facts.client_curves() + ":").contains(":prime256v1:")) << facts.client_curves();
  EXPECT_TRUE(facts.client_ciphers().starts_with("TLS_AES_256_GCM_SHA384:")) << facts.client_ciphers();
  EXPECT_EQ(client_.tls()->facts->session_id().size() % 2, 0u);
}

TEST_F(TlsClientTest, BeforeTheHandshakeNothingIsKnown) {
  auto context = TlsClientContext::make({.verify = false});
  client_.start_tls(*(*context)->start_session(client_.fd(), {.server_name = "node.example"}));
  EXPECT_EQ(client_.handshake().kind, Kind::kAgain);
  EXPECT_FALSE(client_.wants_write());
  EXPECT_EQ(client_.tls()->version, "");
}

TEST_F(TlsClientTest, AddressIsNoServerName) {
  const auto [client, server] = connect("127.0.0.1");
  ASSERT_TRUE(client.done() && server.done());
  EXPECT_EQ(server_.tls()->sni, "");
}

TEST_F(TlsClientTest, CertificateThatIsNotTrustedIsAnError) {
  const auto [client, server] = connect("node.example", /*verify=*/true);
  EXPECT_EQ(client.kind, Kind::kError);
  EXPECT_EQ(client_.error_text(client.error_number), "self-signed certificate");
}

TEST_F(TlsClientTest, ServerThatSpeaksNoTlsIsAnError) {
  const iovec plain = piece("HTTP/1.1 400 Bad Request\r\n\r\n");
  ASSERT_TRUE(write_some(server_.fd(), {&plain, 1}).done());
  auto context = TlsClientContext::make({.verify = false});
  client_.start_tls(*(*context)->start_session(client_.fd(), {.server_name = "node.example"}));
  const IoResult result = client_.handshake();
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_EQ(client_.error_text(result.error_number), "TLS: wrong version number");
}

TEST_F(TlsClientTest, ContentThatCameWithTheHandshakeIsPending) {
  auto context = TlsClientContext::make({.verify = false});
  client_.start_tls(*(*context)->start_session(client_.fd(), {.server_name = "node.example"}));
  EXPECT_EQ(client_.handshake().kind, Kind::kAgain);
  EXPECT_EQ(server_.handshake().kind, Kind::kAgain);
  ASSERT_TRUE(client_.handshake().done());
  send(client_, "early");
  ASSERT_TRUE(server_.handshake().done());
  EXPECT_TRUE(server_.has_pending());
  const IoResult got = server_.read(buffer_);
  EXPECT_EQ(std::string(buffer_.data(), got.bytes), "early");
  EXPECT_FALSE(server_.has_pending());
}

TEST_F(TlsClientTest, RecordsThatCameTogetherAreReadTogether) {
  ASSERT_TRUE(connect("node.example").first.done());
  for (const char* part : {"one ", "two ", "three"}) send(client_, part);
  IoResult got = server_.read(buffer_);
  EXPECT_EQ(std::string(buffer_.data(), got.bytes), "one two three");
  // What does not fit is pending.
  send(client_, "four");
  send(client_, "five");
  got = server_.read({buffer_.data(), 4});
  EXPECT_EQ(std::string(buffer_.data(), got.bytes), "four");
  EXPECT_TRUE(server_.has_pending());
  got = server_.read(buffer_);
  EXPECT_EQ(std::string(buffer_.data(), got.bytes), "five");
  EXPECT_FALSE(server_.has_pending());
}

TEST_F(TlsClientTest, EndBehindRecordsComesWithTheNextRead) {
  ASSERT_TRUE(connect("node.example").first.done());
  send(client_, "last");
  client_.shutdown_write();
  IoResult got = server_.read(buffer_);
  EXPECT_EQ(std::string(buffer_.data(), got.bytes), "last");
  EXPECT_TRUE(server_.has_pending());
  EXPECT_EQ(server_.read(buffer_).kind, Kind::kClosed);
  EXPECT_FALSE(server_.has_pending());
  EXPECT_EQ(server_.read(buffer_).kind, Kind::kClosed);
}

TEST_F(TlsClientTest, PiecesOfOneWriteAreOneRecord) {
  connect("node.example");
  const iovec pieces[] = {piece("head"), piece(""), piece("body"), piece("!")};
  EXPECT_EQ(client_.write(pieces).bytes, 9u);
  const IoResult got = server_.read(buffer_);
  EXPECT_EQ(std::string_view(buffer_.data(), got.bytes), "headbody!");
}

TEST_F(TlsClientTest, WriteOfNothingIsDone) {
  connect("node.example");
  const iovec nothing = piece("");
  EXPECT_TRUE(client_.write({&nothing, 1}).done());
  EXPECT_TRUE(client_.write({}).done());
}

TEST_F(TlsClientTest, ReadThatTookAPartLeavesTheRestPending) {
  connect("node.example");
  send(client_, "0123456789");
  std::array<char, 4> small;
  EXPECT_FALSE(server_.has_pending());
  EXPECT_EQ(server_.read(small).bytes, 4u);
  EXPECT_TRUE(server_.has_pending());
  std::array<char, 1> byte;
  EXPECT_EQ(read_some(server_.fd(), byte).kind, Kind::kAgain);  // the descriptor knows nothing of it
  EXPECT_EQ(server_.read(buffer_).bytes, 6u);
  EXPECT_FALSE(server_.has_pending());
  EXPECT_EQ(server_.read(buffer_).kind, Kind::kAgain);
}

TEST_F(TlsClientTest, ShortWriteGoesOnWithTheRestInWhateverPieces) {
  connect("node.example");
  std::string sent;
  for (int i = 0; sent.size() < 2'000'000; ++i) sent += std::to_string(i) + ",";
  std::string received;
  std::size_t done = 0;
  bool was_full = false;
  for (int round = 0; done < sent.size() && round < 1000; ++round) {
    // Other borders in each round, never fewer bytes than OpenSSL has begun to send.
    const std::string_view rest = std::string_view(sent).substr(done);
    const std::size_t cut =
        std::min<std::size_t>(rest.size(), 1 + static_cast<std::size_t>(round) * 977 % 5000);
    const iovec pieces[] = {piece(rest.substr(0, cut)), piece(rest.substr(cut))};
    const IoResult wrote = client_.write(pieces);
    ASSERT_NE(wrote.kind, Kind::kError) << client_.error_text(wrote.error_number);
    was_full |= wrote.kind == Kind::kAgain && client_.wants_write();
    done += wrote.bytes;
    if (wrote.kind != Kind::kAgain) continue;
    for (IoResult got = server_.read(buffer_); got.done(); got = server_.read(buffer_)) {
      received.append(buffer_.data(), got.bytes);
    }
  }
  for (IoResult got = server_.read(buffer_); got.done(); got = server_.read(buffer_)) {
    received.append(buffer_.data(), got.bytes);
  }
  EXPECT_TRUE(was_full);
  EXPECT_TRUE(received == sent) << received.size() << " of " << sent.size();
}

TEST_F(TlsClientTest, CloseIsSeenAsAnEndAndResetAsAnError) {
  connect("node.example");
  send(client_, "last");
  client_.close();
  EXPECT_EQ(server_.read(buffer_).bytes, 4u);
  EXPECT_EQ(server_.read(buffer_).kind, Kind::kClosed);
}

TEST_F(TlsClientTest, EndWithoutCloseNotifyIsAnError) {
  connect("node.example");
  EXPECT_EQ(client_.read(buffer_).kind, Kind::kAgain);  // with the server's tickets
  client_.close(/*by_reset=*/true);
  const IoResult got = server_.read(buffer_);
  EXPECT_EQ(got.kind, Kind::kError);
  EXPECT_EQ(server_.error_text(got.error_number), "TLS: unexpected eof while reading");
}

TEST_F(TlsClientTest, AfterAShutdownThePeerMayStillSend) {
  connect("node.example");
  client_.shutdown_write();
  EXPECT_EQ(server_.read(buffer_).kind, Kind::kClosed);
  send(server_, "the rest");
  EXPECT_EQ(client_.read(buffer_).bytes, 8u);
}

TEST_F(TlsClientTest, HalfARecordIsNothingToRead) {
  connect("node.example");
  send(server_, std::string(1000, 'x'));
  std::array<char, 2000> record;
  const IoResult all = read_some(client_.fd(), record);
  ASSERT_GT(all.bytes, 1000u);
  // What OpenSSL reads next is a record without its end, and then the end.
  const iovec first = piece({record.data(), all.bytes - 1});
  ASSERT_TRUE(write_some(server_.fd(), {&first, 1}).done());
  EXPECT_EQ(client_.read(buffer_).kind, Kind::kAgain);
  EXPECT_FALSE(client_.has_pending());
  const iovec last = piece({record.data() + all.bytes - 1, 1});
  ASSERT_TRUE(write_some(server_.fd(), {&last, 1}).done());
  EXPECT_EQ(client_.read(buffer_).bytes, 1000u);
}

TEST_F(TlsClientTest, BareEndIsAnEndWhereThatIsTaken) {
  auto context = TlsClientContext::make({.verify = false, .takes_bare_end = true});
  client_.start_tls(*(*context)->start_session(client_.fd(), {.server_name = "node.example"}));
  ASSERT_TRUE(shake_hands().first.done());
  server_.close(/*by_reset=*/true);  // of a socket pair: an end, and no close_notify before it
  EXPECT_EQ(client_.read(buffer_).kind, Kind::kClosed);
}

TEST_F(TlsClientTest, NameThatCannotBeCheckedIsAnErrorAndNotNoCheck) {
  const auto verifying = TlsClientContext::make({.verify = true});
  const auto trusting = TlsClientContext::make({.verify = false});
  ASSERT_TRUE(verifying && trusting);
  const std::string with_nul("node.example\0.other", 19);
  for (const std::string& name : {std::string(), with_nul, std::string(256, 'x')}) {
    EXPECT_FALSE((*verifying)->start_session(client_.fd(), {.server_name = name})) << name;
    EXPECT_EQ((*trusting)->start_session(client_.fd(), {.server_name = name}).has_value(), name.empty())
        << name;
  }
}

TEST_F(TlsClientTest, AlpnIsWhatTheServerChose) {
  node_.choose_alpn("h2");
  auto context = TlsClientContext::make({.verify = false});
  client_.start_tls(*(*context)->start_session(
      client_.fd(), {.server_name = "node.example", .alpn = "\x02h2\x08http/1.1"}));
  ASSERT_TRUE(shake_hands().first.done());
  EXPECT_EQ(client_.tls()->alpn, "h2");
}

TEST_F(TlsClientTest, ServerNameIsNotSentWhereThatIsOff) {
  auto context = TlsClientContext::make({.verify = false, .sends_name = false});
  client_.start_tls(*(*context)->start_session(client_.fd(), {.server_name = "node.example"}));
  ASSERT_TRUE(shake_hands().second.done());
  EXPECT_EQ(server_.tls()->sni, "");
}

// One connection after the other, as long as the context and what it gave to resume by are the same.
class TlsResumptionTest : public TlsClientTest {
 protected:
  // Whether the handshake was a short one; reads what the server sends behind it.
  bool connect_again(TlsResumption& resumption) {
    SocketPair pair;
    client_ = Transport(std::move(pair.a));
    server_ = Transport(std::move(pair.b));
    server_.start_tls(node_.session(server_.fd()));
    client_.start_tls(
        *context_->start_session(client_.fd(), {.server_name = "node.example", .resumption = &resumption}));
    EXPECT_TRUE(shake_hands().first.done());
    send(server_, "hello");
    EXPECT_EQ(client_.read(buffer_).bytes, 5u);
    return node_.has_resumed();
  }

  base::Ref<const TlsClientContext> context_ = *TlsClientContext::make({.verify = false});
};

TEST_F(TlsResumptionTest, SecondHandshakeResumesTheFirst) {
  TlsResumption resumption;
  EXPECT_FALSE(connect_again(resumption));
  ASSERT_TRUE(resumption.is_known());
  EXPECT_TRUE(connect_again(resumption));
  EXPECT_TRUE(connect_again(resumption));
}

TEST_F(TlsResumptionTest, ForgottenSessionIsNotResumed) {
  TlsResumption resumption;
  connect_again(resumption);
  resumption.forget();
  EXPECT_FALSE(connect_again(resumption));
}

TEST_F(TlsResumptionTest, AnotherOneHasNoSession) {
  TlsResumption one;
  TlsResumption other;
  connect_again(one);
  EXPECT_FALSE(connect_again(other));
}

TEST_F(TlsResumptionTest, WithTls12Too) {
  node_.allow_only_tls12();
  TlsResumption resumption;
  EXPECT_FALSE(connect_again(resumption));
  EXPECT_TRUE(connect_again(resumption));
}

TEST(TlsClientContextsTest, EqualOptionsShareAContext) {
  TlsClientContexts contexts;
  const auto one = contexts.get({.verify = false});
  const auto same = contexts.get({.verify = false});
  const auto other = contexts.get({.verify = false, .sends_name = false});
  ASSERT_TRUE(one && same && other);
  EXPECT_EQ(*one, *same);
  EXPECT_NE((*one)->serial(), (*other)->serial());
  EXPECT_EQ(contexts.size(), 2u);
}

TEST(TlsClientContextsTest, TrustedCertificatesAreReadOnce) {
  TlsClientContexts contexts;
  const auto one = contexts.get({.verify = true});
  const auto other = contexts.get({.verify = true, .sends_name = false});
  ASSERT_TRUE(one && other);
  EXPECT_EQ((*one)->trusted(), (*other)->trusted());
  EXPECT_EQ((*contexts.get({.verify = false}))->trusted(), nullptr);
}

TEST(TlsClientContextsTest, FailureIsNotKept) {
  TlsClientContexts contexts;
  EXPECT_FALSE(contexts.get({.ca_file = "/nonexistent.pem"}));
  EXPECT_EQ(contexts.size(), 0u);
}

TEST_F(TlsClientTest, CaFileThatIsNotThereIsAnErrorOfTheContext) {
  const auto context = TlsClientContext::make({.ca_file = "/nonexistent.pem"});
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().what.find("/nonexistent.pem"), std::string::npos) << context.error().what;
}

}  // namespace
}  // namespace apisix::net
