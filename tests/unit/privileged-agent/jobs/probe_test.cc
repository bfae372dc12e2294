#include "privileged-agent/jobs/probe.h"

#include <optional>

#include <gtest/gtest.h>

#include "shared/base/clock.h"
#include "tests/unit/privileged-agent/jobs/fake_node.h"

namespace apisix::agent {
namespace {

using Kind = ProbeOutcome::Kind;

class ProbeTest : public testing::Test {
 protected:
  ProbePlan plan(ProbePlan::Kind kind = ProbePlan::Kind::kHttp, bool keep = true) {
    return {.kind = kind,
            .ip = *base::IpAddress::parse("127.0.0.1"),
            .port = node_.port(),
            .request = "GET /status HTTP/1.1\r\nHost: a\r\n\r\n",
            .timeout_ms = 200,
            .keep = keep,
            .closing_request = "GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"};
  }
  std::unique_ptr<Probe> make(ProbePlan plan) {
    return std::make_unique<Probe>(
        deps_, std::move(plan),
        [](void* self, const ProbeOutcome& outcome) { static_cast<ProbeTest*>(self)->outcome_ = outcome; },
        this);
  }
  ProbeOutcome ask(Probe& probe) {
    outcome_.reset();
    EXPECT_TRUE(probe.start());
    EXPECT_FALSE(outcome_) << "never inside start()";
    const std::uint64_t until = base::monotonic_now_us() + 5'000'000;
    while (!outcome_ && base::monotonic_now_us() < until) loop_.run_once(5);
    EXPECT_TRUE(outcome_);
    for (int i = 0; i < 5; ++i) loop_.run_once(1);  // what is still to be read
    return outcome_.value_or(ProbeOutcome{});
  }

  event::Loop loop_;
  FakeNode node_{loop_};
  ProbeTls tls_;
  ProbeDeps deps_{.loop = loop_, .tls = tls_, .kept_max = 10, .load = 1e6};
  std::optional<ProbeOutcome> outcome_;
};

TEST(StatusOfLine, OnlyAStatusLineHasOne) {
  EXPECT_EQ(status_of_line("HTTP/1.1 200 OK\r"), 200);
  EXPECT_EQ(status_of_line("HTTP/1.0  503"), 503);
  EXPECT_EQ(status_of_line("HTTP/2 200"), 0);
  EXPECT_EQ(status_of_line("HTTP/1.1"), 0);
  EXPECT_EQ(status_of_line("SSH-2.0-OpenSSH"), 0);
  EXPECT_EQ(status_of_line("HTTP/1.1 ok"), 0);
  EXPECT_EQ(status_of_line(""), 0);
}

TEST_F(ProbeTest, TcpConnectsAndGoes) {
  auto probe = make(plan(ProbePlan::Kind::kTcp));
  EXPECT_EQ(ask(*probe).kind, Kind::kConnected);
  EXPECT_EQ(ask(*probe).kind, Kind::kConnected);
  EXPECT_EQ(node_.connections, 2);
  EXPECT_TRUE(node_.requests.empty());
  EXPECT_EQ(deps_.kept, 0u);
}

TEST_F(ProbeTest, RefusedConnectionIsAFailure) {
  ProbePlan refused = plan();
  {
    FakeNode gone(loop_);
    refused.port = gone.port();
  }
  auto probe = make(refused);
  EXPECT_EQ(ask(*probe).kind, Kind::kFailed);
}

TEST_F(ProbeTest, NoWayIsAFailureToo) {
  ProbePlan lost = plan();
  lost.ip = *base::IpAddress::parse("255.255.255.255");
  auto probe = make(lost);
  EXPECT_EQ(ask(*probe).kind, Kind::kFailed);
}

TEST_F(ProbeTest, StatusIsTold) {
  auto probe = make(plan());
  EXPECT_EQ(ask(*probe).status, 200);
  node_.response = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
  const auto outcome = ask(*probe);
  EXPECT_EQ(outcome.kind, Kind::kStatus);
  EXPECT_EQ(outcome.status, 503);
  EXPECT_EQ(node_.requests.front(), "GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_F(ProbeTest, ConnectionIsUsedAgain) {
  for (const char* response : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                               "HTTP/1.1 204 No Content\r\n\r\n",
                               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    node_.response = response;
    const int before = node_.connections;
    auto probe = make(plan());
    for (int i = 0; i < 5; ++i) EXPECT_GE(ask(*probe).status, 200) << response;
    EXPECT_EQ(node_.connections, before + 1) << response;
    EXPECT_EQ(deps_.kept, 1u);
    probe.reset();
    EXPECT_EQ(deps_.kept, 0u);
  }
}

TEST_F(ProbeTest, ConnectionIsNotUsedAgainWhenTheResponseSaysSo) {
  for (const char* response :
       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmore than that",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n"}) {
    node_.response = response;
    const int before = node_.connections;
    auto probe = make(plan());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(*probe).status, 200) << response;
    EXPECT_EQ(node_.connections, before + 3) << response;
    EXPECT_EQ(deps_.kept, 0u);
  }
}

TEST_F(ProbeTest, FewProbesConnectEachTime) {
  deps_.load = ProbeDeps::kLoadMax;
  auto probe = make(plan());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(*probe).status, 200);
  EXPECT_EQ(node_.connections, 3);
  EXPECT_NE(node_.requests.back().find("Connection: close"), std::string::npos);
  deps_.load = ProbeDeps::kLoadMax + 1;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(*probe).status, 200);
  EXPECT_EQ(node_.connections, 4);
  outcome_.reset();
  ASSERT_TRUE(probe->start(/*fresh=*/true));
  while (!outcome_) loop_.run_once(5);
  EXPECT_EQ(node_.connections, 5);
  EXPECT_EQ(deps_.kept, 0u);
}

TEST_F(ProbeTest, ConnectionIsNotKeptAgainstThePlanOrTheLimit) {
  auto once = make(plan(ProbePlan::Kind::kHttp, /*keep=*/false));
  for (int i = 0; i < 2; ++i) ask(*once);
  EXPECT_EQ(node_.connections, 2);
  deps_.kept_max = 0;
  auto crowded = make(plan());
  for (int i = 0; i < 2; ++i) ask(*crowded);
  EXPECT_EQ(node_.connections, 4);
}

TEST_F(ProbeTest, KeptConnectionThatEndedIsNoFailure) {
  auto probe = make(plan());
  ask(*probe);
  node_.close_all();
  EXPECT_EQ(ask(*probe).status, 200);
  EXPECT_EQ(node_.connections, 2);
  // Closed while the request is in flight: it was not read.
  node_.close_all();
  outcome_.reset();
  ASSERT_TRUE(probe->start());
  while (!outcome_) loop_.run_once(5);
  EXPECT_EQ(outcome_->status, 200);
}

TEST_F(ProbeTest, ClosingWithoutAResponseIsAFailure) {
  node_.response = "";
  node_.closes = true;
  auto probe = make(plan());
  EXPECT_EQ(ask(*probe).kind, Kind::kFailed);
  node_.response = "HTTP/1.1 2";
  EXPECT_EQ(ask(*probe).kind, Kind::kFailed);
}

TEST_F(ProbeTest, SilenceIsATimeout) {
  node_.is_mute = true;
  auto probe = make(plan());
  EXPECT_EQ(ask(*probe).kind, Kind::kTimeout);
  node_.is_mute = false;
  EXPECT_EQ(ask(*probe).status, 200) << "on another connection";
  EXPECT_EQ(node_.connections, 2);
}

TEST_F(ProbeTest, WhatIsNoHttpHasStatusZero) {
  node_.response = "SSH-2.0-OpenSSH_9.2\r\n";
  auto probe = make(plan());
  const auto outcome = ask(*probe);
  EXPECT_EQ(outcome.kind, Kind::kStatus);
  EXPECT_EQ(outcome.status, 0);
}

TEST_F(ProbeTest, StatusLineIsEnough) {
  node_.response = "HTTP/1.1 503 Service Unavailable\r\nRetry-After";
  auto probe = make(plan());
  EXPECT_EQ(ask(*probe).status, 503);
  EXPECT_EQ(ask(*probe).status, 503);
  EXPECT_EQ(node_.connections, 2);
}

TEST_F(ProbeTest, ResponseWithoutEndIsBounded) {
  node_.response = "HTTP/1.1 100 Continue\r\nX: " + std::string(100'000, 'x');
  auto probe = make(plan());
  EXPECT_EQ(ask(*probe).kind, Kind::kFailed);
}

TEST_F(ProbeTest, UdpNodeIsThereUnlessItsHostSaysNo) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ProbePlan udp = plan(ProbePlan::Kind::kUdp);
  udp.port = ntohs(address.sin_port);
  udp.request = "ping";
  auto probe = make(udp);
  EXPECT_EQ(ask(*probe).kind, Kind::kConnected) << "nothing came back, no error either";
  char bytes[16];
  EXPECT_EQ(::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), 4);
  ::close(fd);
  EXPECT_EQ(ask(*probe).kind, Kind::kFailed);
}

TEST_F(ProbeTest, DestroyedWhileAskingCallsNoCallback) {
  node_.is_mute = true;
  auto probe = make(plan());
  ASSERT_TRUE(probe->start());
  probe.reset();
  for (int i = 0; i < 60; ++i) loop_.run_once(5);
  EXPECT_FALSE(outcome_);
}

}  // namespace
}  // namespace apisix::agent
