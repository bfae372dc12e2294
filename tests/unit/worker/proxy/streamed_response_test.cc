// A response that a plugin's hook writes piece by piece: a Stream between a client without a protocol and a
// plugin that follows a script.
#include "worker/proxy/streamed_response.h"

#include <string>
#include <vector>

#include "tests/unit/worker/plugin/deps_fixture.h"
#include "tests/unit/worker/proxy/fake_client_exchange.h"
#include "tests/unit/worker/proxy/proxy_fixture.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Ending = ClientExchange::Ending;

std::vector<std::string>& diary() {
  static std::vector<std::string> lines;
  return lines;
}

// conf: {"script": "w" writes the next letter, "s" sleeps, "e" ends, "a" aborts}
class Streamer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "streamer", .priority = 1};
  explicit Streamer(const plugin::Conf& conf) : script_(conf.text("script")) {}

  plugin::Step rewrite(plugin::Request& request) override {
    struct Frame {
      ~Frame() { diary().push_back("frame gone"); }
    } frame;
    request.response().set_header("Content-Type", "text/event-stream");
    plugin::ResponseStream& out = request.stream_response(203);
    std::string piece = "a";
    for (const char next : script_) {
      if (next == 's') co_await request.sleep_ms(1);
      if (next == 'e') co_return co_await out.end();
      if (next == 'a') co_return out.abort();
      if (next != 'w') continue;
      if (!co_await out.write(piece)) diary().push_back("no more");
      ++piece[0];
    }
    co_return plugin::pass();
  }
  void log(plugin::Request& request) override {
    diary().push_back("log " + std::to_string(request.response().status()));
  }

 private:
  const std::string script_;
};

class Marker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "marker", .priority = 9};
  explicit Marker(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().add_header("X-Mark", "1"); }
};

class Summer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "summer", .priority = 9};
  explicit Summer(const plugin::Conf&) {}
  void body_filter(plugin::Request& request, plugin::Body& body) override {
    if (body.last()) request.response().trailers().set("X-Sum", "1");
  }
};

// Two slices of each piece.
class Slicer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "slicer", .priority = 8};
  explicit Slicer(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().will_change_body(); }
  void body_filter(plugin::Request&, plugin::Body& body) override {
    if (body.data().empty() && rest_.empty()) return;
    if (rest_.empty()) {
      rest_ = "(" + std::string(body.data()) + ")";
      body.replace(body.data());
      body.again();
    } else {
      body.replace(std::exchange(rest_, {}));
    }
  }

 private:
  std::string rest_;
};

class Finisher final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "finisher", .priority = 7};
  explicit Finisher(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().will_change_body(); }
  void body_filter(plugin::Request&, plugin::Body& body) override { body.finish(); }
};

class Breaker final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "breaker", .priority = 6};
  explicit Breaker(const plugin::Conf&) {}
  void body_filter(plugin::Request&, plugin::Body& body) override {
    if (body.data() == "b") body.break_off();
  }
};

class StreamedResponseTest : public ProxyTest {
 protected:
  StreamedResponseTest() { diary().clear(); }

  // A request that the script responds to, with the filters of other plugins behind it.
  template <typename... Others>
  void run(const std::string& script, std::string_view method = "GET") {
    start();
    client_.peer_ip = base::IpAddress::parse("192.0.2.7").value();
    stream_ = std::make_unique<Stream>(*services_, *proxy_listener_, client_, exchange_);
    plugin::PluginConfs confs = {conf_of<Streamer>("{\"script\": \"" + script + "\"}"),
                                 conf_of<Others>("{}")...};
    stream_->chains().set_global(*plugin::Chain::make(shared_.deps, confs));
    exchange_.end_with_head();
    stream_->on_request(make_request_head(stream_->arena(), method), 200);
  }
  template <typename T>
  static std::pair<const std::string, base::Ref<plugin::PluginConf>> conf_of(const std::string& json) {
    return {std::string(T::kInfo.name),
            base::make_counted<plugin::PluginConf>(plugin::define<T>(), *format::parse_json(json),
                                                   "/global_rules/1", 1)};
  }
  void wait_for_end() {
    EXPECT_TRUE(turn_until([&] { return !exchange_.endings.empty(); }));
  }

  plugin::DepsFixture shared_;
  plugin::ClientInfo client_;
  FakeClientExchange exchange_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(StreamedResponseTest, PiecesGoOutAsTheyAreWritten) {
  run("wswe");
  EXPECT_EQ(exchange_.status, 203);
  EXPECT_EQ(exchange_.body, "a");
  EXPECT_FALSE(exchange_.has_content_length);
  EXPECT_FALSE(exchange_.ended);
  EXPECT_EQ(exchange_.field("Content-Type"), "text/event-stream");
  EXPECT_THAT(diary(), IsEmpty());
  wait_for_end();
  EXPECT_EQ(exchange_.body, "ab");
  EXPECT_TRUE(exchange_.ended);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
  EXPECT_THAT(diary(), ElementsAre("frame gone", "log 203"));
  EXPECT_EQ(stream_->request().response.body_bytes_sent, 2u);
  EXPECT_EQ(stream_->request().response.bytes_sent, FakeClientExchange::kHeadBytes + 2);
  EXPECT_TRUE(stream_->request().response.complete);
}

TEST_F(StreamedResponseTest, ResponseWithoutAPieceHasALength) {
  run("e");
  EXPECT_TRUE(exchange_.has_content_length);
  EXPECT_EQ(exchange_.content_length, 0u);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamedResponseTest, TrailersGoBehindItAndNeedChunks) {
  run<Summer>("e");
  EXPECT_FALSE(exchange_.has_content_length);
  EXPECT_EQ(exchange_.trailer("X-Sum"), "1");
}

TEST_F(StreamedResponseTest, HeadRequestGetsTheHeadAlone) {
  run("wwe", "HEAD");
  EXPECT_FALSE(exchange_.has_body);
  EXPECT_EQ(exchange_.body, "");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamedResponseTest, FiltersOfOtherPluginsRunInAsManyTurnsAsTheyNeed) {
  run<Marker, Slicer>("wwe");
  EXPECT_EQ(exchange_.field("X-Mark"), "1");
  EXPECT_EQ(exchange_.body, "a");
  wait_for_end();
  EXPECT_EQ(exchange_.body, "a(a)b(b)");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamedResponseTest, FilterThatFinishesTheBodyEndsTheResponse) {
  run<Finisher>("wwe");
  EXPECT_EQ(exchange_.body, "a");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
  EXPECT_THAT(diary(), ElementsAre("no more", "no more", "frame gone", "log 203"));
}

TEST_F(StreamedResponseTest, SlowClientStopsTheHook) {
  exchange_.unsent = limits::kOutputPendingBytesMax + 1;
  run("wwe");
  turn();
  EXPECT_EQ(exchange_.body, "a");
  exchange_.unsent = 0;
  stream_->on_writable();
  wait_for_end();
  EXPECT_EQ(exchange_.body, "ab");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamedResponseTest, ClientThatDisconnectsDestroysTheHook) {
  run("wsw");
  stream_->on_client_reset();
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kClientGone));
  EXPECT_THAT(diary(), ElementsAre("frame gone", "log 203"));
  turn();
  EXPECT_EQ(exchange_.body, "a");
}

TEST_F(StreamedResponseTest, ClientThatDisconnectsWhileItIsSlowDestroysTheHook) {
  exchange_.unsent = limits::kOutputPendingBytesMax + 1;
  run("wwe");
  stream_->on_client_reset();
  EXPECT_THAT(diary(), ElementsAre("frame gone", "log 203"));
  stream_.reset();
  turn();
  EXPECT_EQ(exchange_.body, "a");
}

TEST_F(StreamedResponseTest, WriteThatFindsTheClientGoneEndsTheRequestInALaterCallback) {
  exchange_.is_connected = false;
  run("wwe");
  EXPECT_THAT(exchange_.endings, IsEmpty());
  EXPECT_THAT(diary(), IsEmpty());
  wait_for_end();
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kClientGone));
  EXPECT_THAT(diary(), ElementsAre("frame gone", "log 203"));
  EXPECT_EQ(exchange_.writes, 1);
}

TEST_F(StreamedResponseTest, AbortedResponseBreaksOff) {
  run("wa");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
  EXPECT_FALSE(exchange_.ended);
}

TEST_F(StreamedResponseTest, ResponseThatIsAbortedBeforeItsFirstPieceIs502) {
  run("a");
  EXPECT_EQ(exchange_.status, 502);
  EXPECT_FALSE(stream_->request().response.is_streamed);  // the page has a length
  EXPECT_THAT(exchange_.body, HasSubstr("502 Bad Gateway"));
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamedResponseTest, HookThatReturnsWithoutAnEndBreaksTheResponseOff) {
  run("w");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
  EXPECT_FALSE(exchange_.ended);
}

TEST_F(StreamedResponseTest, FilterThatGivesUpBreaksTheResponseOff) {
  run<Breaker>("wwe");
  wait_for_end();
  EXPECT_EQ(exchange_.body, "a");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
  EXPECT_THAT(diary(), ElementsAre("frame gone", "log 203"));
}

TEST_F(StreamedResponseTest, WorkerThatLeavesBreaksTheResponseOff) {
  run("wsw");
  stream_->shut_down();
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
}

}  // namespace
}  // namespace apisix::proxy
