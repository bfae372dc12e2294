// What plugins do to a request and its response, without a proxy around it.
#include "worker/plugin/request.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/field_name.h"

namespace apisix::plugin {
namespace {

class RequestTest : public ::testing::Test {
 protected:
  RequestTest() : state_(arena_, loop_.clock()) { state_.head = arena_.make<http::RequestHead>(); }

  std::string sent(std::string_view name) const {
    const http::HeaderField* field = state_.head->headers.find(name);
    return field != nullptr ? std::string(field->value) : "(none)";
  }
  std::string answered(std::string_view name) const {
    const http::HeaderField* field = state_.response.headers.find(name);
    return field != nullptr ? std::string(field->value) : "(none)";
  }

  event::Loop loop_;
  base::Arena arena_;
  RequestState state_;
  Request request_{state_};
};

TEST_F(RequestTest, AValueStaysOneLine) {
  request_.headers().set("X-A", "a\r\nX-Evil: 1");
  request_.headers().add("X-B", std::string_view("a\0b", 3));
  request_.response().set_header("X-C", "a\nb\tc");
  request_.response().add_header("X-D", "\x7f");
  EXPECT_EQ(sent("X-A"), "a%0D%0AX-Evil: 1");
  EXPECT_EQ(sent("X-B"), "a%00b");
  EXPECT_EQ(answered("X-C"), "a%0Ab%09c");
  EXPECT_EQ(answered("X-D"), "%7F");
}

TEST_F(RequestTest, SettingReplacesTheClientsValueEvenIfItIsStrange) {
  state_.head->headers.add(arena_, "X-User", "admin");
  request_.headers().set("X-User", "joe\r\n");
  EXPECT_EQ(sent("X-User"), "joe%0D%0A");
}

TEST_F(RequestTest, SettingTakesAwayOtherSpellingsOfTheName) {
  state_.head->headers.add(arena_, "X_User", "admin");
  state_.head->headers.add(arena_, "x-user", "admin");
  state_.head->headers.add(arena_, "X_User_Name", "jack");
  request_.headers().set("X-User", "joe");
  EXPECT_EQ(state_.head->headers.size(), 2U);
  EXPECT_EQ(sent("X-User"), "joe");
  EXPECT_EQ(sent("X_User_Name"), "jack");
}

TEST_F(RequestTest, NameThatWasLookedAtSetsAsItsText) {
  for (const char* name :
       {"X-Limit", "x_limit", "Server", "content_type", "Content-Length", "Connection", "a b", ""}) {
    base::Arena arena;
    RequestState by_text(arena, loop_.clock());
    RequestState by_name(arena, loop_.clock());
    for (RequestState* state : {&by_text, &by_name}) {
      state->response.headers.add(arena, "x-limit", "old");
      state->response.headers.add(arena, "X-Other", "1");
      state->response.headers.add(arena, "X-LIMIT", "older");
    }
    for (const char* value : {"1", "a\nb", ""}) {
      Response(by_text).set_header(name, value);
      Response(by_name).set_header(FieldName(name), value);
      const auto text_of = [](const RequestState& state) {
        std::string out;
        for (const http::HeaderField& field : state.response.headers) {
          out.append(field.name).append(": ").append(field.value).append("\n");
        }
        return out;
      };
      EXPECT_EQ(text_of(by_text), text_of(by_name)) << name << " = " << value;
    }
  }
}

TEST_F(RequestTest, ConsumerTakesThePlaceOfWhatTheClientClaims) {
  for (const char* name : {"x-consumer-username", "X_Credential.Identifier", "X-Consumer-Custom_ID"}) {
    state_.head->headers.add(arena_, name, "admin");
  }
  state_.head->headers.add(arena_, "X-Consumer-Usernames", "stays");
  auto consumer = base::make_counted<Consumer>();
  consumer->username = "jack";
  consumer->custom_id = "7\r\n";
  auto auth = base::make_counted<ConsumerAuth>();
  auth->consumer = base::Ref<const Consumer>(consumer.get());
  request_.identity().attach(base::Ref<const ConsumerAuth>(auth.get()));
  EXPECT_EQ(state_.head->headers.size(), 3U);
  EXPECT_EQ(sent("X-Consumer-Username"), "jack");
  EXPECT_EQ(sent("X-Consumer-Custom-ID"), "7%0D%0A");
  EXPECT_EQ(sent("X-Consumer-Usernames"), "stays");
}

TEST_F(RequestTest, TrailersAreNoneUntilOneIsSet) {
  EXPECT_FALSE(request_.body().trailers().find("X-Sum"));
  request_.body().trailers().remove("X-Sum");
  EXPECT_EQ(state_.upstream.trailers, nullptr);
  request_.body().trailers().set("X-Sum", "1\r\nX-Evil: 1");
  request_.body().trailers().set("x_sum", "2\n");
  ASSERT_NE(state_.upstream.trailers, nullptr);
  EXPECT_EQ(state_.upstream.trailers->size(), 1U);
  EXPECT_EQ(request_.body().trailers().find("X_SUM"), "2%0A");
  request_.body().trailers().set("x_sum", "");
  EXPECT_TRUE(state_.upstream.trailers->empty());
}

TEST_F(RequestTest, TrailersMayNotFrameRouteOrSayWhoIsAsking) {  // RFC 9110 6.5.1
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Host", "Authorization", "Set-Cookie",
                           "Trailer", "Content-Encoding", "X-Consumer-Username", "no token"}) {
    request_.response().trailers().set(name, "1");
    EXPECT_FALSE(request_.response().trailers().find(name)) << name;
  }
  request_.response().trailers().set("Server-Timing", "db;dur=5");
  EXPECT_EQ(request_.response().trailers().find("server-timing"), "db;dur=5");
}

TEST_F(RequestTest, AddingAFieldThatStandsOnceSetsIt) {
  request_.response().add_header("Content-Type", "a/b");
  request_.response().add_header("content-type", "c/d");
  request_.response().add_header("X-A", "1");
  request_.response().add_header("X-A", "2");
  EXPECT_EQ(state_.response.headers.count("Content-Type"), 1U);
  EXPECT_EQ(answered("Content-Type"), "c/d");
  EXPECT_EQ(state_.response.headers.count("X-A"), 2U);
}

TEST_F(RequestTest, ANameThatIsNoTokenChangesNothing) {
  request_.headers().set("X A", "1");
  request_.headers().set("X:A", "1");
  request_.headers().set("", "1");
  request_.response().set_header("X\r\nA", "1");
  EXPECT_TRUE(state_.head->headers.empty());
  EXPECT_TRUE(state_.response.headers.empty());
}

TEST_F(RequestTest, FramingIsNotAPluginsToSay) {
  request_.headers().set("Content-Length", "5");
  request_.headers().add("Transfer-Encoding", "chunked");
  request_.response().set_header("Content-Length", "5");
  request_.response().set_header("Connection", "close");
  EXPECT_TRUE(state_.head->headers.empty());
  EXPECT_TRUE(state_.response.headers.empty());
}

TEST_F(RequestTest, AHostGoesToTheUpstream) {
  request_.headers().set("Host", "a\r\nX: 1");
  EXPECT_EQ(state_.upstream.wanted_host, "a%0D%0AX: 1");
  EXPECT_TRUE(state_.head->headers.empty());
}

TEST_F(RequestTest, AnotherStatusHasAnotherReason) {
  state_.response.status = 200;
  state_.response.reason = "Fine";
  request_.response().set_status(404);
  EXPECT_EQ(state_.response.status, 404);
  EXPECT_EQ(state_.response.reason, "");
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
    RequestState state(arena, loop.clock());
    Request request(state);
    request.kept<CountedObject>(&owners[0]).number = 7;
    EXPECT_EQ(request.kept<CountedObject>(&owners[0]).number, 7);
    EXPECT_EQ(request.kept<CountedObject>(&owners[1]).number, 0);
    EXPECT_EQ(CountedObject::destroyed, 0);
  }
  EXPECT_EQ(CountedObject::destroyed, 2);
}

TEST_F(RequestTest, TheUpstreamsMethod) {
  state_.head->method = http::Method::kPost;
  EXPECT_EQ(state_.upstream_method(), http::Method::kPost);
  state_.upstream.method = "HEAD";
  EXPECT_EQ(state_.upstream_method(), http::Method::kHead);
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
    state_.response.status = 200;
    state_.response.headers.add(arena_, "ETag", "\"x\"");
    state_.response.headers.add(arena_, "Accept-Ranges", "bytes");
    state_.response.headers.add(arena_, "Last-Modified", "yesterday");
    request_.response().set_coder(std::make_unique<Shout>());
  }
};

TEST_F(CoderTest, TellsTheClientAndWeakensTheEtag) {
  state_.choose_body_coder();
  ASSERT_NE(state_.response.coder, nullptr);
  EXPECT_TRUE(state_.response.body_changes);
  EXPECT_EQ(answered("Content-Encoding"), "shout");
  EXPECT_EQ(answered("ETag"), "W/\"x\"");
  EXPECT_EQ(answered("Accept-Ranges"), "(none)");
  EXPECT_EQ(answered("Last-Modified"), "yesterday");
}

TEST_F(CoderTest, NotTwice) {
  state_.response.headers.add(arena_, "Content-Encoding", "gzip");
  state_.choose_body_coder();
  EXPECT_EQ(state_.response.coder, nullptr);
  EXPECT_EQ(answered("Content-Encoding"), "gzip");
  EXPECT_FALSE(state_.response.body_changes);
}

TEST_F(CoderTest, NotWhenTheUpstreamForbidsIt) {
  state_.response.headers.add(arena_, "Cache-Control", "public");
  state_.response.headers.add(arena_, "Cache-Control", "max-age=1, no-transform");
  state_.choose_body_coder();
  EXPECT_EQ(state_.response.coder, nullptr);
}

TEST_F(CoderTest, OnlyResponsesThatAreComplete) {
  for (const std::uint16_t status : {200, 403, 404}) {
    request_.response().set_coder(std::make_unique<Shout>());
    state_.response.headers.remove("Content-Encoding");
    state_.response.status = status;
    state_.choose_body_coder();
    EXPECT_NE(state_.response.coder, nullptr) << status;
  }
  state_.response.headers.remove("Content-Encoding");
  state_.response.status = 206;
  state_.choose_body_coder();
  EXPECT_EQ(state_.response.coder, nullptr);
}

}  // namespace
}  // namespace apisix::plugin
