// Stapler, with a responder that is a thread of the test.
#include "worker/tls/stapler.h"

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "tests/fakes/made_ocsp_response.h"

namespace apisix::tls {
namespace {

using fakes::MadeCertificate;

// Responds to every request with what it was given last.
class Responder {
 public:
  Responder() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), bytes);
    ::listen(listener_, 16);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &bytes);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Responder() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/ocsp"; }
  void give(const std::string& status_line, const std::string& body) {
    const std::scoped_lock lock(mutex_);
    response_ = "HTTP/1.1 " + status_line + "\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\nConnection: close\r\n\r\n" + body;
  }
  int requests() const { return requests_.load(); }

 private:
  void serve() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      std::string got;
      char buffer[4096];
      while (!is_complete(got)) {
        const ssize_t bytes = ::read(client, buffer, sizeof buffer);
        if (bytes <= 0) break;
        got.append(buffer, static_cast<std::size_t>(bytes));
      }
      {
        const std::scoped_lock lock(mutex_);
        static_cast<void>(::write(client, response_.data(), response_.size()));
      }
      ++requests_;
      ::close(client);
    }
  }
  static bool is_complete(const std::string& request) {
    const auto end = request.find("\r\n\r\n");
    const auto length = request.find("Content-Length: ");
    if (end == request.npos || length == request.npos) return false;
    return request.size() >= end + 4 + std::stoul(request.substr(length + 16));
  }

  int listener_;
  int port_ = 0;
  std::mutex mutex_;
  std::string response_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

class StaplerTest : public testing::Test {
 protected:
  base::Ref<const Identity> identity() const {
    IdentityParts parts{.id = "1"};
    auto parsed = net::TlsCertificate::from_pem(made_.certificate_pem() + authority_.certificate_pem(),
                                                made_.key_pem());
    EXPECT_TRUE(parsed);
    parts.certificates.push_back({std::move(*parsed)});
    return base::make_counted<const Identity>(std::move(parts));
  }
  // What a handshake with the identity's certificate staples.
  static std::string_view stapled(const base::Ref<const Identity>& own) {
    return own->ocsp_response(own->certificates().front().certificate.leaf());
  }
  std::string response(int status = V_OCSP_CERTSTATUS_GOOD) const {
    return fakes::made_ocsp_response(made_, authority_, authority_, {.status = status});
  }
  void turn_until_requests(int count) {
    for (int turn = 0; turn < 1000 && responder_.requests() < count; ++turn) loop_.run_once(10);
    ASSERT_EQ(responder_.requests(), count);
    for (int turn = 0; turn < 20; ++turn) loop_.run_once(5);
  }

  Responder responder_;
  event::Loop loop_;
  client::HttpClient http_{loop_};
  Stapler stapler_{loop_, http_};
  const MadeCertificate authority_{{.name = "authority", .is_authority = true}};
  const MadeCertificate made_{{.ocsp_url = responder_.url()}, &authority_};
};

TEST_F(StaplerTest, AGoodResponseIsStapled) {
  const std::string good = response();
  responder_.give("200 OK", good);
  const auto own = identity();
  EXPECT_EQ(stapled(own), "");
  stapler_.follow(*own, {.is_enabled = true});
  EXPECT_TRUE(stapler_.is_asking());
  turn_until_requests(1);
  EXPECT_FALSE(stapler_.is_asking());
  EXPECT_EQ(stapled(own), good);
  EXPECT_EQ(own->ocsp_response(nullptr), "");
  stapler_.stop(*own);
  EXPECT_EQ(stapler_.followed(), 0u);
}

TEST_F(StaplerTest, AResponseThatIsCurrentServesTheNextIdentityToo) {
  responder_.give("200 OK", response());
  const auto own = identity();
  stapler_.follow(*own, {.is_enabled = true});
  turn_until_requests(1);
  stapler_.stop(*own);
  const auto next = identity();
  stapler_.follow(*next, {.is_enabled = true});
  EXPECT_EQ(stapled(next), stapled(own));
  EXPECT_NE(stapled(next), "");
  stapler_.stop(*next);
}

TEST_F(StaplerTest, ARevokedCertificateIsStapledOnlyUnverified) {
  responder_.give("200 OK", response(V_OCSP_CERTSTATUS_REVOKED));
  const auto own = identity();
  stapler_.follow(*own, {.is_enabled = true});
  turn_until_requests(1);
  EXPECT_EQ(stapled(own), "");
  stapler_.follow(*own, {.is_enabled = true, .verifies = false});
  turn_until_requests(2);
  EXPECT_NE(stapled(own), "");
  // What was taken unverified is not shown to one who verifies.
  stapler_.stop(*own);
  const auto strict = identity();
  stapler_.follow(*strict, {.is_enabled = true});
  turn_until_requests(3);
  EXPECT_EQ(stapled(strict), "");
  stapler_.stop(*strict);
}

TEST_F(StaplerTest, AResponderThatFailsLeavesNothingStapled) {
  for (const auto& [status, body] : {std::pair<std::string, std::string>{"503 Service Unavailable", "busy"},
                                     {"200 OK", ""},
                                     {"200 OK", "no DER"}}) {
    const int before = responder_.requests();
    responder_.give(status, body);
    const auto own = identity();
    stapler_.follow(*own, {.is_enabled = true});
    turn_until_requests(before + 1);
    EXPECT_EQ(stapled(own), "") << status;
    stapler_.stop(*own);
  }
}

TEST_F(StaplerTest, AnIdentityThatIsStoppedWhileItsCallIsUnderWayIsLeftAlone) {
  responder_.give("200 OK", response());
  auto own = identity();
  stapler_.follow(*own, {.is_enabled = true});
  stapler_.stop(*own);
  own = nullptr;
  for (int turn = 0; turn < 20; ++turn) loop_.run_once(5);
  EXPECT_EQ(stapler_.followed(), 0u);
  EXPECT_FALSE(stapler_.is_asking());
}

}  // namespace
}  // namespace apisix::tls
