// The response on its way out: its head, the filters of plugins, and what becomes of one that is not sent.
#include "worker/proxy/response_writer.h"

#include "tests/unit/worker/proxy/stream_part_fixture.h"

namespace apisix::proxy {
namespace {

using State = ResponseWriter::State;
using Sent = ResponseWriter::Sent;

class Marker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "marker", .priority = 9};
  explicit Marker(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().add_header("X-Mark", "1"); }
};

class Doubler final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "doubler", .priority = 8};
  explicit Doubler(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().will_change_body(); }
  void body_filter(plugin::Request&, plugin::Body& body) override {
    const std::string_view data = body.data();
    body.output().append(data).append(data);
  }
};

// A piece of the body in two slices.
class Slicer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "slicer", .priority = 7};
  explicit Slicer(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().will_change_body(); }
  void body_filter(plugin::Request&, plugin::Body& body) override {
    if (rest_.empty()) {
      rest_ = body.data().substr(1);
      body.replace(body.data().substr(0, 1));
      body.again();
    } else {
      body.replace(std::exchange(rest_, {}));
    }
  }

 private:
  std::string rest_;
};

class Breaker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "breaker", .priority = 6};
  explicit Breaker(const plugin::Conf&) {}
  void body_filter(plugin::Request&, plugin::Body& body) override { body.break_off(); }
};

class ResponseWriterTest : public StreamPartTest {
 protected:
  ResponseWriterTest() {
    receive("/");
    options_.server_header = http::FieldLine(http::KnownHeader::kServer, "APISIX");
  }
  void receive_head() { receive_lines("HEAD / HTTP/1.1\r\nHost: a.test\r\n"); }
  bool write_head(std::string_view body, bool end = false) {
    const iovec piece = net::piece(body);
    return writer_.write_head({true, body.size()},
                              {.pieces = {&piece, body.empty() ? 0U : 1U}, .bytes = body.size(), .end = end});
  }

  int gone_ = 0;
  base::Delegate<void()> on_gone_{[](void* gone) { ++*static_cast<int*>(gone); }, &gone_};
  ResponseWriter writer_{services_, exchange_, request_, &chains_, on_gone_};
};

TEST_F(ResponseWriterTest, HeadIsCompletedAndLeavesWithTheFirstContent) {
  request_.response.status = 200;
  writer_.filter_head();
  EXPECT_EQ(writer_.state(), State::kFiltered);
  EXPECT_TRUE(write_head("abc"));
  EXPECT_TRUE(writer_.is_started());
  EXPECT_FALSE(writer_.is_complete());
  EXPECT_EQ(exchange_.writes, 1);
  EXPECT_EQ(exchange_.body, "abc");
  EXPECT_EQ(exchange_.content_length, 3u);
  EXPECT_EQ(exchange_.field("Server"), "APISIX");
  EXPECT_NE(exchange_.field("Date"), "");
}

TEST_F(ResponseWriterTest, BytesOfHeadAndBodyAreCountedOnceItIsComplete) {
  request_.response.status = 200;
  writer_.filter_head();
  EXPECT_TRUE(write_head("abc", true));
  request_.response.body_bytes_sent = 3;
  writer_.complete();
  EXPECT_TRUE(writer_.is_complete());
  EXPECT_EQ(request_.response.bytes_sent, FakeClientExchange::kHeadBytes + 3);
}

TEST_F(ResponseWriterTest, HeaderFiltersRunOnce) {
  use_plugins<Marker>();
  request_.response.status = 200;
  writer_.filter_head();
  writer_.filter_head();
  EXPECT_FALSE(writer_.filters_body());
  EXPECT_EQ(values(request_.response.headers, "X-Mark"), "1");
}

TEST_F(ResponseWriterTest, OwnResponseIsWrittenWhole) {
  EXPECT_EQ(writer_.send({403, "no", "text/html"}), Sent::kWhole);
  EXPECT_EQ(exchange_.status, 403);
  EXPECT_EQ(exchange_.body, "no");
  EXPECT_EQ(exchange_.content_length, 2u);
  EXPECT_EQ(exchange_.field("Content-Type"), "text/html");
  EXPECT_TRUE(exchange_.ended);
  EXPECT_EQ(exchange_.writes, 1);
  EXPECT_EQ(request_.response.body_bytes_sent, 2u);
  EXPECT_FALSE(request_.response.from_upstream);
}

TEST_F(ResponseWriterTest, ContentTypeOfAPluginStays) {
  plugin::Response(request_).set_header("Content-Type", "application/json");
  EXPECT_EQ(writer_.send({403, "{}"}), Sent::kWhole);
  EXPECT_EQ(exchange_.field("Content-Type"), "application/json");
}

TEST_F(ResponseWriterTest, ResponseToHeadHasTheLengthAlone) {
  receive_head();
  EXPECT_EQ(writer_.send({200, "text"}), Sent::kWhole);
  EXPECT_FALSE(exchange_.has_body);
  EXPECT_EQ(exchange_.body, "");
  EXPECT_EQ(exchange_.content_length, 4u);
  EXPECT_EQ(request_.response.body_bytes_sent, 0u);
}

// RFC 9110 8.6.
TEST_F(ResponseWriterTest, StatusWithoutABodyHasNoLength) {
  EXPECT_EQ(writer_.send({204, "dropped"}), Sent::kWhole);
  EXPECT_FALSE(exchange_.has_body);
  EXPECT_FALSE(exchange_.has_content_length);
  EXPECT_EQ(exchange_.body, "");
}

TEST_F(ResponseWriterTest, OwnResponseTakesThePlaceOfOneThatWasOnlyFiltered) {
  use_plugins<Marker, Doubler>();
  request_.response.status = 200;
  request_.response.reason = "Fine";
  plugin::Response(request_).set_header("X-Node", "1");
  writer_.filter_head();
  EXPECT_TRUE(writer_.filters_body());
  EXPECT_EQ(writer_.send({502, "page"}), Sent::kWhole);
  EXPECT_EQ(exchange_.status, 502);
  EXPECT_EQ(exchange_.body, "page");
  EXPECT_EQ(exchange_.field("X-Node"), "");
  EXPECT_EQ(exchange_.field("X-Mark"), "");
  EXPECT_EQ(exchange_.field("Server"), "APISIX");
  EXPECT_EQ(request_.response.reason, "");
}

TEST_F(ResponseWriterTest, PiecesGoThroughTheBodyFilters) {
  use_plugins<Doubler>();
  request_.response.status = 200;
  writer_.filter_head();
  ASSERT_TRUE(writer_.filters_body());
  const ResponseWriter::Filtered first = writer_.filter_body("ab", false, true);
  EXPECT_EQ(first.bytes, "abab");
  EXPECT_FALSE(first.last);
  const ResponseWriter::Filtered second = writer_.filter_body("c", true, true);
  EXPECT_EQ(second.bytes, "cc");
  EXPECT_TRUE(second.last);
}

TEST_F(ResponseWriterTest, FiltersSeeABodyThatTheClientDoesNotGet) {
  use_plugins<Doubler>();
  receive_head();
  request_.response.status = 200;
  writer_.filter_head();
  const ResponseWriter::Filtered filtered = writer_.filter_body("ab", true, true);
  EXPECT_EQ(filtered.bytes, "");
  EXPECT_TRUE(filtered.last);
}

TEST_F(ResponseWriterTest, OwnResponseIsFilteredAndHasTheNewLength) {
  use_plugins<Doubler>();
  EXPECT_EQ(writer_.send({200, "ab"}), Sent::kWhole);
  EXPECT_EQ(exchange_.body, "abab");
  EXPECT_EQ(exchange_.content_length, 4u);
}

TEST_F(ResponseWriterTest, UnfinishedFilterGoesOnWithAnEmptyPiece) {
  use_plugins<Slicer>();
  request_.response.status = 200;
  writer_.filter_head();
  EXPECT_FALSE(writer_.is_filter_unfinished());
  EXPECT_EQ(writer_.filter_body("abc", true, true).bytes, "a");
  EXPECT_TRUE(writer_.is_filter_unfinished());
  const ResponseWriter::Filtered rest = writer_.filter_body({}, false, true);
  EXPECT_EQ(rest.bytes, "bc");
  EXPECT_TRUE(rest.last);
  EXPECT_FALSE(writer_.is_filter_unfinished());
}

TEST_F(ResponseWriterTest, SlicesOfAnOwnResponseAreOneBody) {
  use_plugins<Slicer>();
  EXPECT_EQ(writer_.send({200, "abc"}), Sent::kWhole);
  EXPECT_EQ(exchange_.body, "abc");
  EXPECT_EQ(exchange_.writes, 1);
}

TEST_F(ResponseWriterTest, FilterThatGivesUpLeavesRoomForAnotherResponse) {
  use_plugins<Breaker>();
  EXPECT_EQ(writer_.send({200, "ab"}), Sent::kRefused);
  EXPECT_FALSE(writer_.is_started());
  EXPECT_EQ(exchange_.writes, 0);
  EXPECT_EQ(writer_.send({502, "page"}), Sent::kWhole);
  EXPECT_EQ(exchange_.status, 502);
  EXPECT_EQ(exchange_.body, "page");
  EXPECT_EQ(gone_, 0);
}

TEST_F(ResponseWriterTest, TrailersOfAResponseThatWasTakenBackAreGone) {
  writer_.filter_head();
  plugin::Response(request_).trailers().set("X-Sum", "1");
  EXPECT_EQ(writer_.send({502, "page"}), Sent::kWhole);
  EXPECT_TRUE(exchange_.response_trailers.empty());
}

TEST_F(ResponseWriterTest, LocalServiceIsSeenByNoPlugin) {
  use_plugins<Marker, Doubler>();
  ResponseWriter local(services_, exchange_, request_, nullptr, on_gone_);
  EXPECT_EQ(local.send({200, "ab"}), Sent::kWhole);
  EXPECT_EQ(exchange_.body, "ab");
  EXPECT_EQ(exchange_.field("X-Mark"), "");
  EXPECT_EQ(exchange_.field("Server"), "APISIX");
}

TEST_F(ResponseWriterTest, EveryWriteThatFailsSaysThatTheClientIsGone) {
  exchange_.is_connected = false;
  const auto* early = arena_.make<http::ResponseHead>();
  EXPECT_FALSE(writer_.write_informational(*early));
  EXPECT_EQ(gone_, 1);
  EXPECT_EQ(writer_.send({200, "ab"}), Sent::kClientGone);
  EXPECT_EQ(gone_, 2);
  EXPECT_FALSE(writer_.write_body({.end = true}));
  EXPECT_EQ(gone_, 3);
  EXPECT_FALSE(writer_.write_tunnel("ab"));
  EXPECT_EQ(gone_, 4);
}

TEST_F(ResponseWriterTest, InformationalResponseStartsNothing) {
  auto* early = arena_.make<http::ResponseHead>();
  early->status = 103;
  EXPECT_TRUE(writer_.write_informational(*early));
  EXPECT_EQ(exchange_.informational, std::vector<std::uint16_t>{103});
  EXPECT_EQ(writer_.state(), State::kNew);
}

TEST_F(ResponseWriterTest, UpgradeHasTheProtocolOfTheNode) {
  auto* head = arena_.make<http::ResponseHead>();
  head->headers.add(arena_, "Upgrade", "websocket");
  request_.response.upstream_head = head;
  request_.response.status = 101;
  writer_.filter_head();
  EXPECT_TRUE(writer_.start_tunnel("first"));
  EXPECT_TRUE(writer_.write_tunnel("second"));
  EXPECT_TRUE(writer_.is_started());
  EXPECT_EQ(exchange_.protocol, "websocket");
  EXPECT_EQ(exchange_.status, 101);
  EXPECT_FALSE(exchange_.has_body);
  EXPECT_EQ(exchange_.body, "firstsecond");
}

}  // namespace
}  // namespace apisix::proxy
