// TlsServerContext and TlsServerSession: a client of OpenSSL and a server in one thread, on a socket pair.
#include "shared/net/tls_server.h"

#include <csignal>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "shared/net/tls_certificate.h"
#include "shared/net/transport.h"
#include "tests/fakes/made_certificate.h"
#include "tests/unit/shared/net/socket_pair.h"

namespace apisix::net {
namespace {

using Kind = IoResult::Kind;

using fakes::MadeCertificate;

class MemoryStore final : public TlsSessionStore {
 public:
  void put(std::string_view id, std::string_view session) override { sessions[std::string(id)] = session; }
  std::size_t find(std::string_view id, std::span<char, kSessionBytesMax> into) override {
    const auto found = sessions.find(std::string(id));
    if (found == sessions.end()) return 0;
    found->second.copy(into.data(), into.size());
    return found->second.size();
  }
  void remove(std::string_view id) override { sessions.erase(std::string(id)); }

  std::map<std::string, std::string> sessions;
};

class Keys final : public TlsTicketKeys {
 public:
  const TlsTicketKey& current() override { return keys.back(); }
  const TlsTicketKey* find(std::string_view name) override {
    for (const TlsTicketKey& key : keys) {
      if (std::equal(name.begin(), name.end(), key.name.begin(),
                     [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; }))
        return &key;
    }
    return nullptr;
  }
  void add() {
    TlsTicketKey key;
    key.name.fill(static_cast<unsigned char>(++made));
    key.cipher.fill(static_cast<unsigned char>(made));
    key.mac.fill(static_cast<unsigned char>(made));
    keys.push_back(key);
  }

  std::vector<TlsTicketKey> keys;
  int made = 0;
};

// What the server shows by name.
struct Shown {
  std::map<std::string, TlsServerSession::Terms> terms;
  const TlsCertificate* certificate = nullptr;
  int shows = 0;
  std::string ocsp;
};

class TestSession final : public TlsServerSession {
 public:
  TestSession(const TlsServerContext& context, int fd, Shown& shown)
      : TlsServerSession(context, fd), shown_(shown) {}

 private:
  std::optional<Terms> choose(std::string_view server_name) override {
    const auto found = shown_.terms.find(std::string(server_name));
    if (found == shown_.terms.end()) return std::nullopt;
    return found->second;
  }
  base::Status show(ssl_st& session) override {
    ++shown_.shows;
    return shown_.certificate->use_in(session);
  }
  std::string_view ocsp_response(const x509_st*) const override { return shown_.ocsp; }

  Shown& shown_;
};

class TlsServerTest : public testing::Test {
 protected:
  TlsServerTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as every process of the gateway does
    shown_.certificate = &certificate_;
    shown_.terms["test.com"] = {.serial = 1};
    SSL_CTX_set_session_cache_mode(client_context_, SSL_SESS_CACHE_CLIENT);
  }
  ~TlsServerTest() override {
    SSL_SESSION_free(session_);
    SSL_CTX_free(client_context_);
  }

  void open(TlsServerContext::Options options) {
    server_ = Transport();
    context_.emplace(*TlsServerContext::make(options));
  }

  // A handshake and a byte from each side, so that tickets arrive. What the server ended with.
  IoResult connect(const char* name, SSL_SESSION* session = nullptr) {
    SocketPair pair;
    server_ = Transport(std::move(pair.a));
    server_.start_tls(std::make_unique<TestSession>(*context_, server_.fd(), shown_));
    client_fd_ = std::move(pair.b);
    client_.reset(SSL_new(client_context_));
    SSL_set_fd(client_.get(), client_fd_.fd());
    if (name != nullptr) SSL_set_tlsext_host_name(client_.get(), name);
    if (session != nullptr) SSL_set_session(client_.get(), session);
    SSL_set_connect_state(client_.get());
    IoResult server;
    for (int i = 0; i < 20; ++i) {
      SSL_do_handshake(client_.get());
      if (server.kind == Kind::kAgain) server = server_.handshake();
    }
    if (server.done()) exchange_bytes();
    return server;
  }

  void exchange_bytes() {
    char byte = 'x';
    const iovec one = piece({&byte, 1});
    server_.write({&one, 1});
    ASSERT_EQ(SSL_read(client_.get(), &byte, 1), 1);
    SSL_SESSION_free(session_);
    session_ = SSL_get1_session(client_.get());
  }

  // Whether a client with the session of the last connection resumes it.
  bool resumes(const char* name) {
    SSL_SESSION* const session = session_;
    SSL_SESSION_up_ref(session);
    const bool done = connect(name, session).done();
    SSL_SESSION_free(session);
    EXPECT_TRUE(done);
    return SSL_session_reused(client_.get()) == 1;
  }

  void show_certificate_of_client(const MadeCertificate& made) {
    SSL_CTX_use_certificate(client_context_, made.certificate());
    SSL_CTX_use_PrivateKey(client_context_, made.key());
  }

  const MadeCertificate made_{{}};
  TlsCertificate certificate_ = *TlsCertificate::from_pem(made_.certificate_pem(), made_.key_pem());
  Shown shown_;
  MemoryStore store_;
  Keys keys_;
  std::optional<TlsServerContext> context_;
  SSL_CTX* client_context_ = SSL_CTX_new(TLS_client_method());
  Transport server_;
  Socket client_fd_;
  OpensslSession::Ssl client_;
  SSL_SESSION* session_ = nullptr;
};

TEST_F(TlsServerTest, HandshakeTellsWhatWasAgreedOn) {
  open({});
  ASSERT_TRUE(connect("test.com").done());
  const TlsInfo& info = *server_.tls();
  EXPECT_EQ(info.sni, "test.com");
  EXPECT_EQ(info.version, "TLSv1.3");
  EXPECT_EQ(info.peer_verified, "NONE");
  EXPECT_FALSE(info.is_resumed);
  EXPECT_EQ(shown_.shows, 1);
}

TEST_F(TlsServerTest, WhatWasAgreedOnIsKnownBehindTheEnd) {
  open({});
  ASSERT_TRUE(connect("test.com").done());
  const TlsInfo& info = *server_.tls();
  server_.close();
  EXPECT_EQ(info.sni, "test.com");
  EXPECT_EQ(info.version, "TLSv1.3");
}

TEST_F(TlsServerTest, NameWithoutTermsIsRefused) {
  open({});
  for (const char* name : {"other.com", static_cast<const char*>(nullptr)}) {
    EXPECT_EQ(connect(name).kind, Kind::kError);
    EXPECT_EQ(shown_.shows, 0);
  }
  shown_.terms[""] = {.serial = 1};
  EXPECT_TRUE(connect(nullptr).done());
}

TEST_F(TlsServerTest, VersionsAreThoseOfTheContextOrOfTheName) {
  open({.versions = kTls12});
  shown_.terms["new.com"] = {.serial = 2, .versions = kTls13};
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->version, "TLSv1.2");
  ASSERT_TRUE(connect("new.com").done());
  EXPECT_EQ(server_.tls()->version, "TLSv1.3");
  SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
  EXPECT_EQ(connect("new.com").kind, Kind::kError);
}

TEST_F(TlsServerTest, AlpnPrefersHttp2WhereItIsServed) {
  constexpr unsigned char kOffered[] = "\x08http/1.1\x02h2";
  SSL_CTX_set_alpn_protos(client_context_, kOffered, sizeof kOffered - 1);
  open({.http2 = true});
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->alpn, "h2");
  open({});
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->alpn, "http/1.1");
  SSL_CTX_set_alpn_protos(client_context_, kOffered + 9, 3);
  EXPECT_EQ(connect("test.com").kind, Kind::kError);
}

TEST_F(TlsServerTest, UnknownCiphersAreAnError) {
  const auto context = TlsServerContext::make({.ciphers = "NONSENSE"});
  ASSERT_FALSE(context.has_value());
  EXPECT_NE(context.error().what.find("cannot use the ciphers NONSENSE"), std::string::npos);
}

class TlsResumptionTest : public TlsServerTest, public testing::WithParamInterface<std::pair<int, bool>> {
 protected:
  TlsResumptionTest() {
    keys_.add();
    SSL_CTX_set_max_proto_version(client_context_, GetParam().first);
    open({.sessions = &store_, .ticket_keys = GetParam().second ? &keys_ : nullptr});
    shown_.terms["TEST.com."] = {.serial = 1};
    shown_.terms["other.com"] = {.serial = 1};
  }
};

TEST_P(TlsResumptionTest, SessionIsResumedUnderTheSameNameAndSerialOnly) {
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_TRUE(resumes("test.com"));
  EXPECT_EQ(shown_.shows, 1);
  EXPECT_TRUE(server_.tls()->is_resumed);
  EXPECT_EQ(server_.tls()->sni, "test.com");
  EXPECT_FALSE(resumes("other.com"));
  ASSERT_TRUE(connect("test.com").done());
  shown_.terms["test.com"].serial = 2;
  EXPECT_FALSE(resumes("test.com"));
}

TEST_P(TlsResumptionTest, AnotherContextWithTheSameKeysAndStoreResumes) {
  ASSERT_TRUE(connect("test.com").done());
  open({.sessions = &store_, .ticket_keys = GetParam().second ? &keys_ : nullptr});
  EXPECT_TRUE(resumes("test.com"));
}

TEST_P(TlsResumptionTest, WithoutKeysAndStoreNothingIsResumed) {
  ASSERT_TRUE(connect("test.com").done());
  open({});
  EXPECT_FALSE(resumes("test.com"));
}

TEST_P(TlsResumptionTest, StoreIsUsedOnlyWithoutTickets) {
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(store_.sessions.empty(), GetParam().second);
}

TEST_P(TlsResumptionTest, CertificateOfTheClientIsThatOfTheSession) {
  const MadeCertificate client({.name = "client"});
  show_certificate_of_client(client);
  const TlsTrust trust = *TlsTrust::from_pem(client.certificate_pem());
  shown_.terms["test.com"].trust = &trust;
  ASSERT_TRUE(connect("test.com").done());
  const std::string der(server_.tls()->peer_certificate);
  EXPECT_FALSE(der.empty());
  EXPECT_TRUE(resumes("test.com"));
  EXPECT_EQ(server_.tls()->peer_certificate, der);
  EXPECT_EQ(server_.tls()->peer_verified, "SUCCESS");
}

TEST_P(TlsResumptionTest, ResumedSessionDoesNotOutliveTheCertificateOfTheClient) {
  const MadeCertificate client({.name = "client", .ends_in_s = 1});
  show_certificate_of_client(client);
  const TlsTrust trust = *TlsTrust::from_pem(client.certificate_pem());
  shown_.terms["test.com"].trust = &trust;
  ASSERT_TRUE(connect("test.com").done());
  const std::time_t made_at_s = std::time(nullptr);
  // OpenSSL reads the system's clock, and so do we.
  while (std::time(nullptr) < made_at_s + 2) std::this_thread::yield();
  EXPECT_TRUE(resumes("test.com"));
  EXPECT_EQ(server_.tls()->peer_verified, "FAILED:certificate has expired");
}

INSTANTIATE_TEST_SUITE_P(All, TlsResumptionTest,
                         testing::Values(std::pair{TLS1_2_VERSION, false}, std::pair{TLS1_2_VERSION, true},
                                         std::pair{TLS1_3_VERSION, false}, std::pair{TLS1_3_VERSION, true}),
                         [](const auto& test) {
                           return std::string(test.param.first == TLS1_2_VERSION ? "Tls12" : "Tls13") +
                                  (test.param.second ? "Tickets" : "Stateful");
                         });

TEST_F(TlsServerTest, TicketOfAnOlderKeyIsTakenAndRenewed) {
  keys_.add();
  open({.ticket_keys = &keys_});
  SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
  ASSERT_TRUE(connect("test.com").done());
  keys_.add();
  EXPECT_TRUE(resumes("test.com"));
  keys_.keys.erase(keys_.keys.begin());
  EXPECT_TRUE(resumes("test.com")) << "it has a ticket of the new key";
  keys_.keys.clear();
  keys_.add();
  EXPECT_FALSE(resumes("test.com"));
}

TEST_F(TlsServerTest, CertificateThatIsRequiredDecidesTheHandshake) {
  const MadeCertificate client({.name = "client"});
  const TlsTrust trust = *TlsTrust::from_pem(client.certificate_pem());
  shown_.terms["test.com"].trust = &trust;
  open({});
  EXPECT_EQ(connect("test.com").kind, Kind::kError);
  EXPECT_EQ(server_.error_text(0), "TLS: peer did not return a certificate");
  show_certificate_of_client(MadeCertificate({.name = "stranger"}));
  EXPECT_EQ(connect("test.com").kind, Kind::kError);
  EXPECT_EQ(server_.error_text(0), "self-signed certificate");
  show_certificate_of_client(client);
  EXPECT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->peer_verified, "SUCCESS");
}

TEST_F(TlsServerTest, CertificateThatIsNotRequiredIsJudgedAndToldOf) {
  const MadeCertificate client({.name = "client"});
  const TlsTrust trust = *TlsTrust::from_pem(client.certificate_pem());
  shown_.terms["test.com"] = {.serial = 1, .trust = &trust, .requires_certificate = false};
  open({});
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->peer_verified, "NONE");
  show_certificate_of_client(MadeCertificate({.name = "stranger"}));
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->peer_verified, "FAILED:self-signed certificate");
  show_certificate_of_client(client);
  ASSERT_TRUE(connect("test.com").done());
  EXPECT_EQ(server_.tls()->peer_verified, "SUCCESS");
}

TEST_F(TlsServerTest, OcspResponseIsStapledToClientsThatAsk) {
  shown_.ocsp = "a response";
  open({});
  ASSERT_TRUE(connect("test.com").done());
  const unsigned char* response = nullptr;
  EXPECT_LE(SSL_get_tlsext_status_ocsp_resp(client_.get(), &response), 0);
  SSL_CTX_set_tlsext_status_type(client_context_, TLSEXT_STATUSTYPE_ocsp);
  ASSERT_TRUE(connect("test.com").done());
  const long bytes = SSL_get_tlsext_status_ocsp_resp(client_.get(), &response);
  ASSERT_GT(bytes, 0);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(response), static_cast<std::size_t>(bytes)),
            "a response");
}

}  // namespace
}  // namespace apisix::net
