// What plugins do to a request and its response, without a proxy around it.
#include "worker/plugin/request.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "shared/event/loop.h"

namespace apisix::plugin {
namespace {

class RequestTest : public ::testing::Test {
 protected:
  RequestTest() : request_(arena_, loop_.clock()) { request_.head = arena_.make<http::RequestHead>(); }

  std::string sent(std::string_view name) const {
    const http::HeaderField* field = request_.head->headers.find(name);
    return field != nullptr ? std::string(field->value) : "(none)";
  }
  std::string answered(std::string_view name) const {
    const http::HeaderField* field = request_.response.headers.find(name);
    return field != nullptr ? std::string(field->value) : "(none)";
  }

  event::Loop loop_;
  base::Arena arena_;
  Request request_;
};

TEST_F(RequestTest, AValueStaysOneLine) {
  request_.set_header("X-A", "a\r\nX-Evil: 1");
  request_.add_header("X-B", std::string_view("a\0b", 3));
  request_.set_response_header("X-C", "a\nb\tc");
  request_.add_response_header("X-D", "\x7f");
  EXPECT_EQ(sent("X-A"), "a%0D%0AX-Evil: 1");
  EXPECT_EQ(sent("X-B"), "a%00b");
  EXPECT_EQ(answered("X-C"), "a%0Ab%09c");
  EXPECT_EQ(answered("X-D"), "%7F");
}

TEST_F(RequestTest, SettingReplacesTheClientsValueEvenIfItIsStrange) {
  request_.head->headers.add(arena_, "X-User", "admin");
  request_.set_header("X-User", "joe\r\n");
  EXPECT_EQ(sent("X-User"), "joe%0D%0A");
}

TEST_F(RequestTest, SettingTakesAwayOtherSpellingsOfTheName) {
  request_.head->headers.add(arena_, "X_User", "admin");
  request_.head->headers.add(arena_, "x-user", "admin");
  request_.head->headers.add(arena_, "X_User_Name", "jack");
  request_.set_header("X-User", "joe");
  EXPECT_EQ(request_.head->headers.size(), 2U);
  EXPECT_EQ(sent("X-User"), "joe");
  EXPECT_EQ(sent("X_User_Name"), "jack");
}

TEST_F(RequestTest, AddingAFieldThatStandsOnceSetsIt) {
  request_.add_response_header("Content-Type", "a/b");
  request_.add_response_header("content-type", "c/d");
  request_.add_response_header("X-A", "1");
  request_.add_response_header("X-A", "2");
  EXPECT_EQ(request_.response.headers.count("Content-Type"), 1U);
  EXPECT_EQ(answered("Content-Type"), "c/d");
  EXPECT_EQ(request_.response.headers.count("X-A"), 2U);
}

TEST_F(RequestTest, ANameThatIsNoTokenChangesNothing) {
  request_.set_header("X A", "1");
  request_.set_header("X:A", "1");
  request_.set_header("", "1");
  request_.set_response_header("X\r\nA", "1");
  EXPECT_TRUE(request_.head->headers.empty());
  EXPECT_TRUE(request_.response.headers.empty());
}

TEST_F(RequestTest, FramingIsNotAPluginsToSay) {
  request_.set_header("Content-Length", "5");
  request_.add_header("Transfer-Encoding", "chunked");
  request_.set_response_header("Content-Length", "5");
  request_.set_response_header("Connection", "close");
  EXPECT_TRUE(request_.head->headers.empty());
  EXPECT_TRUE(request_.response.headers.empty());
}

TEST_F(RequestTest, AHostGoesToTheUpstream) {
  request_.set_header("Host", "a\r\nX: 1");
  EXPECT_EQ(request_.upstream.wanted_host, "a%0D%0AX: 1");
  EXPECT_TRUE(request_.head->headers.empty());
}

TEST_F(RequestTest, AnotherStatusHasAnotherReason) {
  request_.response.status = 200;
  request_.response.reason = "Fine";
  request_.set_response_status(404);
  EXPECT_EQ(request_.response.status, 404);
  EXPECT_EQ(request_.response.reason, "");
}

struct CountedObject {
  ~CountedObject() { ++destroyed; }
  int number = 0;
  static inline int destroyed = 0;
};

TEST(RequestKept, LivesAsLongAsTheRequest) {
  CountedObject::destroyed = 0;
  event::Loop loop;
  base::Arena arena;
  const int owners[2] = {};
  {
    Request request(arena, loop.clock());
    request.kept<CountedObject>(&owners[0]).number = 7;
    EXPECT_EQ(request.kept<CountedObject>(&owners[0]).number, 7);
    EXPECT_EQ(request.kept<CountedObject>(&owners[1]).number, 0);
    EXPECT_EQ(CountedObject::destroyed, 0);
  }
  EXPECT_EQ(CountedObject::destroyed, 2);
}

TEST_F(RequestTest, TheUpstreamsMethod) {
  request_.head->method = http::Method::kPost;
  EXPECT_EQ(request_.upstream_method(), http::Method::kPost);
  request_.upstream.method = "HEAD";
  EXPECT_EQ(request_.upstream_method(), http::Method::kHead);
}

// --- codings

class Shout final : public BodyCoder {
 public:
  std::string_view name() const override { return "shout"; }
  bool encode(std::string_view data, bool, bool, std::string& out) override {
    out += data;
    return true;
  }
};

class CoderTest : public RequestTest {
 protected:
  CoderTest() {
    request_.response.status = 200;
    request_.response.headers.add(arena_, "ETag", "\"x\"");
    request_.response.headers.add(arena_, "Accept-Ranges", "bytes");
    request_.response.headers.add(arena_, "Last-Modified", "yesterday");
    request_.set_body_coder(std::make_unique<Shout>());
  }
};

TEST_F(CoderTest, TellsTheClientAndWeakensTheEtag) {
  request_.choose_body_coder();
  ASSERT_NE(request_.body_coder(), nullptr);
  EXPECT_TRUE(request_.response.body_changes);
  EXPECT_EQ(answered("Content-Encoding"), "shout");
  EXPECT_EQ(answered("ETag"), "W/\"x\"");
  EXPECT_EQ(answered("Accept-Ranges"), "(none)");
  EXPECT_EQ(answered("Last-Modified"), "yesterday");
}

TEST_F(CoderTest, NotTwice) {
  request_.response.headers.add(arena_, "Content-Encoding", "gzip");
  request_.choose_body_coder();
  EXPECT_EQ(request_.body_coder(), nullptr);
  EXPECT_EQ(answered("Content-Encoding"), "gzip");
  EXPECT_FALSE(request_.response.body_changes);
}

TEST_F(CoderTest, NotWhenTheUpstreamForbidsIt) {
  request_.response.headers.add(arena_, "Cache-Control", "public");
  request_.response.headers.add(arena_, "Cache-Control", "max-age=1, no-transform");
  request_.choose_body_coder();
  EXPECT_EQ(request_.body_coder(), nullptr);
}

TEST_F(CoderTest, OnlyResponsesThatAreComplete) {
  for (const std::uint16_t status : {200, 403, 404}) {
    request_.set_body_coder(std::make_unique<Shout>());
    request_.response.headers.remove("Content-Encoding");
    request_.response.status = status;
    request_.choose_body_coder();
    EXPECT_NE(request_.body_coder(), nullptr) << status;
  }
  request_.response.headers.remove("Content-Encoding");
  request_.response.status = 206;
  request_.choose_body_coder();
  EXPECT_EQ(request_.body_coder(), nullptr);
}

}  // namespace
}  // namespace apisix::plugin
