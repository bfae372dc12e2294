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
  // Without content.
  void end_request() {
    exchange_.give_end();
    Pieces none;
    exchange_.read_content(none);
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

  // Of a client's body that is at hand.
  bool replace(std::string body) {
    auto replacing = content_.replace_body(std::move(body));
    replacing.start();
    EXPECT_TRUE(replacing.done());
    return replacing.done() && replacing.take_result();
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

// A filter may want no more before the client has ended: half of the trailers are none.
TEST_F(RequestContentTest, TrailersBeforeTheClientsEndAreNotPassedOn) {
  exchange_.trailers.add(arena_, "X-Sum", "3");
  EXPECT_EQ(content_.trailers(), nullptr);
  end_request();
  ASSERT_NE(content_.trailers(), nullptr);
}

TEST_F(RequestContentTest, TrailersAreWithoutWhatPluginsDeclare) {
  end_request();
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
  end_request();
  use_plugins<Declarer>();
  exchange_.trailers.add(arena_, "X-Trusted-Info", "forged");
  EXPECT_EQ(content_.trailers(), nullptr);
}

TEST_F(RequestContentTest, TrailersOfPluginsTakeThePlaceOfTheClients) {
  end_request();
  plugin::RequestBody(request_).trailers().set("X-Sum", "5");
  exchange_.trailers.add(arena_, "x_sum", "forged");
  exchange_.trailers.add(arena_, "X-Other", "1");
  const http::HeaderMap* trailers = content_.trailers();
  ASSERT_NE(trailers, nullptr);
  EXPECT_EQ(trailers->size(), 2u);
  EXPECT_EQ(values(*trailers, "X-Sum"), "5");
  EXPECT_EQ(values(*trailers, "X-Other"), "1");
  EXPECT_EQ(content_.trailers(), trailers);  // once, however often it is asked
}

TEST_F(RequestContentTest, TrailersSayNoDigestOfABodyThatWasReplaced) {
  end_request();
  content_.remove_digests();
  exchange_.trailers.add(arena_, "Content-Digest", "sha-256=:x:");
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

// --- another body in its place

TEST_F(RequestContentTest, ReplacedBodyGoesOnWithItsLength) {
  give("hello", true);
  EXPECT_TRUE(replace("other body"));
  EXPECT_EQ(request_.head->framing, http::Framing::kLength);
  EXPECT_EQ(request_.head->content_length, 10u);
  EXPECT_EQ(content_.stored()->view(), "other body");
  EXPECT_FALSE(content_.stored()->is_partial());
  EXPECT_EQ(content_.bytes(), 5u);
  ASSERT_TRUE(read(100).done());
  EXPECT_EQ(reading_.take_result().data, "other body");
  ASSERT_TRUE(read(9).done());
  EXPECT_TRUE(reading_.take_result().too_large);
}

TEST_F(RequestContentTest, ClientsBodyIsReadToItsEndAndNotKeptBeforeItIsReplaced) {
  auto replacing = content_.replace_body("other");
  replacing.start();
  EXPECT_FALSE(replacing.done());
  EXPECT_TRUE(content_.is_storing());
  EXPECT_TRUE(exchange_.continued);
  EXPECT_EQ(exchange_.resumed, 1);
  come(std::string(10'000, 'x'));
  EXPECT_FALSE(replacing.done());
  EXPECT_EQ(services_.bodies.held(), 0u);
  come("x", true);
  ASSERT_TRUE(replacing.done());
  EXPECT_TRUE(replacing.take_result());
  EXPECT_EQ(content_.stored()->view(), "other");
  EXPECT_EQ(services_.bodies.held(), 5u);
  EXPECT_EQ(content_.bytes(), 10'001u);
}

TEST_F(RequestContentTest, BodyOfWhichTheBeginningWasReadIsReplacedWhole) {
  give("01234567890");
  auto reading = content_.read_body_start(4);
  reading.start();
  const std::string_view beginning = reading.take_result();
  auto replacing = content_.replace_body("other");
  replacing.start();
  EXPECT_FALSE(replacing.done());
  come("the rest", true);
  ASSERT_TRUE(replacing.done());
  EXPECT_EQ(content_.stored()->view(), "other");
  EXPECT_FALSE(content_.stored()->is_partial());
  EXPECT_EQ(request_.head->content_length, 5u);
  EXPECT_EQ(beginning, "0123");
}

TEST_F(RequestContentTest, LastReplacementCountsAndWhatWasReadBeforeStaysReadable) {
  give("hello", true);
  ASSERT_TRUE(read(100).done());
  const std::string_view original = reading_.take_result().data;
  EXPECT_TRUE(replace("first"));
  ASSERT_TRUE(read(100).done());
  const std::string_view first = reading_.take_result().data;
  EXPECT_TRUE(replace("second"));
  EXPECT_EQ(content_.stored()->view(), "second");
  EXPECT_EQ(original, "hello");
  EXPECT_EQ(first, "first");
  EXPECT_EQ(services_.bodies.held(), 16u);
}

TEST_F(RequestContentTest, RequestWithoutABodyGetsOne) {
  receive_lines("GET / HTTP/1.1\r\nHost: a.test\r\n");
  exchange_.give_end();
  EXPECT_TRUE(replace(""));
  EXPECT_EQ(request_.head->framing, http::Framing::kNone);
  EXPECT_TRUE(replace("{}"));
  EXPECT_EQ(request_.head->framing, http::Framing::kLength);
  EXPECT_EQ(request_.head->content_length, 2u);
}

TEST_F(RequestContentTest, EmptyReplacementHasALength) {
  give("hello", true);
  EXPECT_TRUE(replace(""));
  EXPECT_EQ(request_.head->framing, http::Framing::kLength);
  EXPECT_EQ(request_.head->content_length, 0u);
  EXPECT_EQ(content_.stored()->view(), "");
}

TEST_F(RequestContentTest, DigestsOfTheReplacedBodyAreRemoved) {
  receive_lines(
      "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\ncontent-md5: x\r\nDigest: x\r\n"
      "Content-Digest: x\r\nRepr-Digest: x\r\nContent-Type: text/plain\r\n");
  give("hello", true);
  EXPECT_TRUE(replace("other"));
  for (const char* name : {"content-md5", "Digest", "Content-Digest", "Repr-Digest"}) {
    EXPECT_EQ(sent(name), "(none)") << name;
  }
  EXPECT_EQ(sent("Content-Type"), "text/plain");
}

TEST_F(RequestContentTest, ReplacedBodyOverTheClientsLimitFailsWith413) {
  options_.client_max_body_bytes = 3;
  give("four", true);
  EXPECT_FALSE(replace("a"));
  EXPECT_EQ(content_.failure(), 413);
  EXPECT_TRUE(exchange_.closes);
  EXPECT_FALSE(replace("a"));
  EXPECT_EQ(content_.failure(), 413);
}

TEST_F(RequestContentTest, ReplacementBeyondTheWorkersBudgetFailsWith503) {
  plugin::BodyBudget::Charge others(&services_.bodies);
  ASSERT_TRUE(others.set(services_.bodies.bytes_max()));
  give("hello", true);
  EXPECT_FALSE(replace("other"));
  EXPECT_EQ(content_.failure(), 503);
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(RequestContentTest, FieldsAreThoseOfTheReplacement) {
  give("a=1&b=2", true);
  auto reading = content_.read_body_fields();
  reading.start();
  ASSERT_TRUE(reading.done());
  request_.head->headers.set(arena_, http::KnownHeader::kContentType, "application/x-www-form-urlencoded");
  EXPECT_TRUE(replace("a=3"));
  EXPECT_EQ(request_.body.form_field("a", arena_), "3");
  EXPECT_EQ(request_.body.form_field("b", arena_), std::nullopt);
  options_.max_post_args_readable_bytes = 3;
  EXPECT_TRUE(replace("a=30"));
  EXPECT_EQ(request_.body.form_field("a", arena_), std::nullopt);
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
