#include "shared/http/request_line.h"

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

class RequestLineTest : public testing::Test {
 protected:
  RequestLineTest() {
    head_.method_text = "GET";
    head_.target = "/a/b?c=d";
  }

  base::Arena arena_;
  RequestHead head_;
};

TEST_F(RequestLineTest, LineOnTheWireIsGivenAsItCame) {
  head_.request_line = "GET http://a/a/b?c=d HTTP/1.0";
  EXPECT_EQ(request_line(head_, arena_).data(), head_.request_line.data());
}

TEST_F(RequestLineTest, LineIsMadeOfMethodTargetAndProtocol) {
  head_.protocol = Protocol::k2;
  EXPECT_EQ(request_line(head_, arena_), "GET /a/b?c=d HTTP/2.0");
}

TEST_F(RequestLineTest, LineIsMadeOnce) {
  head_.protocol = Protocol::k3;
  const std::string_view line = request_line(head_, arena_);
  EXPECT_EQ(line, "GET /a/b?c=d HTTP/3.0");
  EXPECT_EQ(request_line(head_, arena_).data(), line.data());
}

TEST_F(RequestLineTest, HeadThatWasNeverReadHasNone) {
  RequestHead unread;
  EXPECT_EQ(request_line(unread, arena_), "");
}

TEST(ProtocolTest, NewerComparesGreaterAndHasNginxsName) {
  EXPECT_LT(Protocol::k10, Protocol::k11);
  EXPECT_LT(Protocol::k11, Protocol::k2);
  EXPECT_LT(Protocol::k2, Protocol::k3);
  EXPECT_EQ(protocol_text(Protocol::k10), "HTTP/1.0");
  EXPECT_EQ(protocol_text(Protocol::k11), "HTTP/1.1");
  EXPECT_EQ(protocol_text(Protocol::k2), "HTTP/2.0");
  EXPECT_EQ(protocol_text(Protocol::k3), "HTTP/3.0");
}

}  // namespace
}  // namespace apisix::http
