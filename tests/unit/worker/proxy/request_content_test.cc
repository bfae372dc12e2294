// A request's body as it comes: how much it may be, and what is stored of it before it is forwarded.
#include "worker/proxy/request_content.h"

#include "tests/unit/worker/proxy/stream_part_fixture.h"

namespace apisix::proxy {
namespace {

class Declarer final : public plugin::Plugin {
 public:
  static constexpr std::array<std::string_view, 1> kHeaders = {"X-Trusted-Info"};
  static constexpr plugin::PluginInfo kInfo{.name = "declarer", .priority = 50, .upstream_headers = kHeaders};
  explicit Declarer(const plugin::Conf&) {}
};

class RequestContentTest : public StreamPartTest {
 protected:
  RequestContentTest() { receive_lines("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n"); }
  void receive_length(std::string_view length) {
    receive_lines("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + std::string(length) + "\r\n");
  }
  void give(std::string_view bytes, bool end = false) {
    exchange_.give(bytes);
    if (end) exchange_.give_end();
  }
  // The loop resumes what waited.
  void come(std::string_view bytes, bool end = false) {
    give(bytes, end);
    content_.on_content();
    loop_.run_once(0);
  }
  async::Task<plugin::RequestIo::BodyRead>& read(std::size_t bytes_max) {
    reading_ = content_.read_body(bytes_max);
    reading_.start();
    return reading_;
  }

  RequestContent content_{services_, exchange_, request_, chains_};
  async::Task<plugin::RequestIo::BodyRead> reading_;
};

// --- how much it is

TEST_F(RequestContentTest, ContentOverTheConfiguredLimitIsTooMuch) {
  options_.client_max_body_bytes = 10;
  EXPECT_TRUE(content_.count_bytes(4));
  EXPECT_TRUE(content_.count_bytes(6));
  EXPECT_FALSE(content_.count_bytes(1));
  EXPECT_EQ(content_.bytes(), 11u);
  EXPECT_EQ(request_.received.bytes, 11u);
}

TEST_F(RequestContentTest, LimitOfAPluginTakesThePlaceOfTheConfiguredOne) {
  options_.client_max_body_bytes = 10;
  request_.received.body_bytes_max = 20;
  EXPECT_TRUE(content_.count_bytes(20));
  EXPECT_FALSE(content_.count_bytes(1));
  request_.received.body_bytes_max = 0;
  EXPECT_TRUE(content_.count_bytes(1000));
}

// --- trailers

TEST_F(RequestContentTest, TrailersAreWithoutWhatPluginsDeclare) {
  EXPECT_EQ(content_.trailers(), nullptr);
  use_plugins<Declarer>();
  exchange_.trailers.add(arena_, "x_trusted-info", "forged");
  exchange_.trailers.add(arena_, "X-Sum", "3");
  const http::HeaderMap* trailers = content_.trailers();
  ASSERT_NE(trailers, nullptr);
  EXPECT_EQ(values(*trailers, "X-Sum"), "3");
  EXPECT_EQ(values(*trailers, "x_trusted-info"), "(none)");
}

TEST_F(RequestContentTest, TrailersThatAreAllDeclaredAreNone) {
  use_plugins<Declarer>();
  exchange_.trailers.add(arena_, "X-Trusted-Info", "forged");
  EXPECT_EQ(content_.trailers(), nullptr);
}

// --- storing

TEST_F(RequestContentTest, BodyThatIsAtHandIsReadAtOnceAndGoesOnWithItsLength) {
  give("hello", true);
  ASSERT_TRUE(read(100).done());
  const auto got = reading_.take_result();
  EXPECT_EQ(got.data, "hello");
  EXPECT_FALSE(got.too_large);
  EXPECT_EQ(request_.head->framing, http::Framing::kLength);
  EXPECT_EQ(request_.head->content_length, 5u);
  ASSERT_NE(content_.stored(), nullptr);
  EXPECT_EQ(content_.stored()->view(), "hello");
  EXPECT_FALSE(content_.is_storing());
  EXPECT_EQ(content_.bytes(), 5u);
}

TEST_F(RequestContentTest, BodyThatIsNotThereYetIsAskedForAndAwaited) {
  EXPECT_FALSE(read(100).done());
  EXPECT_TRUE(content_.is_storing());
  EXPECT_TRUE(exchange_.continued);
  EXPECT_EQ(exchange_.resumed, 1);
  come("he");
  EXPECT_FALSE(reading_.done());
  come("llo", true);
  ASSERT_TRUE(reading_.done());
  EXPECT_EQ(reading_.take_result().data, "hello");
}

TEST_F(RequestContentTest, BodyIsReadOnce) {
  give("hello", true);
  ASSERT_TRUE(read(100).done());
  ASSERT_TRUE(read(100).done());
  EXPECT_EQ(reading_.take_result().data, "hello");
  EXPECT_EQ(content_.bytes(), 5u);
}

TEST_F(RequestContentTest, BodyThatSaysItIsTooLongIsNotRead) {
  receive_length("11");
  give("01234567890", true);
  ASSERT_TRUE(read(10).done());
  EXPECT_TRUE(reading_.take_result().too_large);
  EXPECT_EQ(content_.stored(), nullptr);
  EXPECT_EQ(exchange_.at_hand, "01234567890");
}

TEST_F(RequestContentTest, BodyThatTurnsOutTooLongIsStillForwarded) {
  give("01234567890");
  ASSERT_TRUE(read(10).done());
  const auto got = reading_.take_result();
  EXPECT_TRUE(got.too_large);
  EXPECT_EQ(got.data, "");
  EXPECT_EQ(content_.failure(), 0);
  ASSERT_NE(content_.stored(), nullptr);
  EXPECT_TRUE(content_.stored()->is_partial());
  EXPECT_EQ(request_.head->framing, http::Framing::kChunked);
}

TEST_F(RequestContentTest, BodyOfExactlyTheLimitIsRead) {
  give("0123456789", true);
  ASSERT_TRUE(read(10).done());
  EXPECT_EQ(reading_.take_result().data, "0123456789");
}

TEST_F(RequestContentTest, BeginningIsReadAndTheRestIsLeft) {
  give("01234567890");
  auto reading = content_.read_body_start(4);
  reading.start();
  ASSERT_TRUE(reading.done());
  EXPECT_EQ(reading.take_result(), "0123");
  EXPECT_TRUE(content_.stored()->is_partial());
  EXPECT_EQ(content_.stored()->view(), "01234567890");  // a piece is taken whole
}

TEST_F(RequestContentTest, MalformedContentFailsWith400) {
  exchange_.is_bad = true;
  ASSERT_TRUE(read(100).done());
  EXPECT_TRUE(reading_.take_result().too_large);
  EXPECT_EQ(content_.failure(), 400);
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(RequestContentTest, StoredBodyOverTheClientsLimitFailsWith413) {
  options_.client_max_body_bytes = 3;
  EXPECT_FALSE(read(100).done());
  come("four");
  ASSERT_TRUE(reading_.done());
  EXPECT_EQ(content_.failure(), 413);
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(RequestContentTest, BodyBeyondTheWorkersBudgetFailsWith503) {
  plugin::BodyBudget::Charge others(&services_.bodies);
  ASSERT_TRUE(others.set(services_.bodies.bytes_max()));
  give("hello", true);
  ASSERT_TRUE(read(100).done());
  EXPECT_EQ(content_.failure(), 503);
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(RequestContentTest, WaiterThatIsForgottenIsNotResumed) {
  EXPECT_FALSE(read(100).done());
  give("hello", true);
  content_.on_content();
  reading_.reset();
  content_.forget_waiter();
  loop_.run_once(0);
  EXPECT_FALSE(content_.is_storing());
  EXPECT_EQ(content_.stored()->view(), "hello");
}

// --- fields

TEST_F(RequestContentTest, FieldsOfTheBodyAreReadForConditions) {
  give("a=1&b=2", true);
  auto reading = content_.read_body_fields();
  reading.start();
  ASSERT_TRUE(reading.done());
  EXPECT_TRUE(request_.body.is_read());
  EXPECT_EQ(request_.body.bytes(), "a=1&b=2");
}

TEST_F(RequestContentTest, FieldsOfALongBodyAreUnset) {
  options_.max_post_args_readable_bytes = 3;
  give("a=1&b=2", true);
  auto reading = content_.read_body_fields();
  reading.start();
  ASSERT_TRUE(reading.done());
  EXPECT_EQ(content_.failure(), 0);
  EXPECT_EQ(request_.body.bytes(), "");
  EXPECT_FALSE(request_.body.form_field("a", arena_).has_value());
}

}  // namespace
}  // namespace apisix::proxy
