// HTTP/2 on a client's connection: streams side by side, windows, deadlines and the end (RFC 9113). The
// client is an engine, too.
#include "worker/proxy/h2_session.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "tests/unit/worker/proxy/proxy_fixture.h"

namespace apisix::proxy {
namespace {

using h2::ErrorCode;
using h2::StreamId;
using ::testing::HasSubstr;

class H2Client final : private h2::Engine::User {
 public:
  struct Call final : h2::EngineStream {
    void on_field(std::string_view name, std::string_view value) override {
      fields[std::string(name)] = value;
    }
    void on_block_end(Block, bool) override {}
    void on_data(std::string_view bytes) override { data += bytes; }
    void on_end() override { ended = true; }
    void on_closed(ErrorCode why) override { closed = static_cast<int>(why); }
    Ready data_ready(std::size_t bytes_max) override {
      const std::size_t bytes = std::min(bytes_max, body.size());
      return {.bytes = bytes, .end = ends && bytes == body.size()};
    }
    void take_data(std::size_t bytes, h2::FrameOutput& output) override {
      output.add_copy(std::string_view(body).substr(0, bytes));
      body.erase(0, bytes);
    }
    std::string status() const {
      const auto found = fields.find(":status");
      return found == fields.end() ? "" : found->second;
    }

    std::map<std::string, std::string> fields;
    std::string data;
    std::string body;
    int closed = -1;
    bool ended = false;
    bool ends = false;
  };

  explicit H2Client(std::unique_ptr<Peer> peer) : peer(std::move(peer)) {}

  StreamId get(std::string_view path, bool with_body = false) {
    const std::vector<h2::Field> fields = {{":method", with_body ? "POST" : "GET"},
                                           {":scheme", "http"},
                                           {":authority", "a.test"},
                                           {":path", path}};
    auto call = std::make_unique<Call>();
    const auto sending = with_body ? h2::Engine::Sending::kData : h2::Engine::Sending::kEnd;
    const StreamId id = engine.submit_request(fields, sending, *call);
    calls[id] = std::move(call);
    return id;
  }
  // Sends what the engine has, and gives it what came.
  void pump() {
    h2::FrameOutput output;
    while (true) {
      const bool more = engine.take_output(output);
      for (const iovec& piece : output.pieces())
        peer->send({static_cast<const char*>(piece.iov_base), piece.iov_len});
      output.clear();
      if (!more) break;
    }
    peer->pump();
    engine.receive(std::exchange(peer->received, {}));
  }

  std::unique_ptr<Peer> peer;
  std::map<StreamId, std::unique_ptr<Call>> calls;
  std::vector<std::pair<StreamId, ErrorCode>> goaways;
  h2::Engine engine{h2::Engine::Role::kClient, {}, *this};

 private:
  h2::EngineStream* on_stream_opened(StreamId) override { return nullptr; }
  void on_frame(h2::FrameType, StreamId, std::size_t) override {}
  void on_invalid_frame(h2::FrameType, StreamId) override {}
  void on_settings() override {}
  void on_goaway(StreamId last, ErrorCode code) override { goaways.emplace_back(last, code); }
};

class H2SessionTest : public ProxyTest {
 protected:
  H2SessionTest() { start(); }

  std::unique_ptr<H2Client> client_of(std::unique_ptr<Peer> peer) {
    auto client = std::make_unique<H2Client>(std::move(peer));
    client->pump();
    turn(3);
    return client;
  }
  template <typename Done>
  [[nodiscard]] bool pump_until(H2Client& client, Done done) {
    return turn_until([&] {
      client.pump();
      return done();
    });
  }
  H2Client::Call& wait_for_response(H2Client& client, StreamId id) {
    H2Client::Call& call = *client.calls.at(id);
    EXPECT_TRUE(pump_until(client, [&] { return call.ended || call.closed >= 0; })) << id;
    return call;
  }
  bool ended(H2Client& client) {
    return pump_until(client, [&] { return client.peer->is_closed; });
  }
};

TEST_F(H2SessionTest, PrefaceChoosesHttp2) {
  const auto client = client_of(connect());
  const H2Client::Call& call = wait_for_response(*client, client->get("/"));
  EXPECT_EQ(call.status(), "404");
  EXPECT_THAT(call.data, HasSubstr("404 Route Not Found"));
  EXPECT_EQ(call.closed, 0);
}

TEST_F(H2SessionTest, PrefaceByteByByteChoosesHttp2) {
  auto peer = connect();
  for (const char byte : std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33)) {
    peer->send({&byte, 1});
    turn(1);
  }
  EXPECT_TRUE(turn_until([&] {
    peer->pump();
    return peer->received.size() >= 9;
  }));
  EXPECT_EQ(peer->received[3], 4);  // SETTINGS
}

TEST_F(H2SessionTest, RequestOfHttp1IsNoPreface) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(wait_for(*client, "Not Found"), HasSubstr("HTTP/1.1 404"));
}

TEST_F(H2SessionTest, PrefaceBehindARequestIsRefused) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_THAT(wait_for(*client, "HTTP/1.1 505"), HasSubstr("HTTP/1.1 404"));
}

TEST_F(H2SessionTest, MoreRequestsThanATurnBeginsAreAllServed) {
  const auto client = client_of(connect());
  std::vector<StreamId> ids;
  for (std::uint32_t i = 0; i < 2 * limits::kH2RequestsPerTurn + 3; ++i) ids.push_back(client->get("/"));
  client->pump();
  for (const StreamId id : ids) EXPECT_EQ(wait_for_response(*client, id).status(), "404") << id;
}

TEST_F(H2SessionTest, StreamsWaitSideBySide) {
  const auto client = client_of(connect_local());
  const StreamId waiting = client->get("/wait");
  client->pump();
  turn();
  EXPECT_EQ(wait_for_response(*client, client->get("/quick")).status(), "200");
  EXPECT_EQ(client->calls.at(waiting)->status(), "");
  echo_.go_on.notify();
  EXPECT_EQ(wait_for_response(*client, waiting).status(), "200");
}

TEST_F(H2SessionTest, BodyOfManyFramesArrivesWhole) {
  const auto client = client_of(connect_local());
  const StreamId id = client->get("/echo", /*with_body=*/true);
  client->calls.at(id)->body = std::string(700, 'b');
  client->calls.at(id)->ends = true;
  EXPECT_EQ(wait_for_response(*client, id).data, "POST /echo " + std::string(700, 'b'));
}

TEST_F(H2SessionTest, ResponseBeyondTheWindowsWaitsForThem) {
  const auto client = client_of(connect_local());
  const StreamId id = client->get("/big");
  H2Client::Call& call = *client->calls.at(id);
  ASSERT_TRUE(pump_until(*client, [&] { return call.data.size() == 65'535; }));
  turn();
  std::size_t used = 0;
  ASSERT_TRUE(pump_until(*client, [&] {
    client->engine.consume(id, call.data.size() - used);
    used = call.data.size();
    return call.ended;
  }));
  EXPECT_EQ(call.data.size(), EchoService::kBigBytes + std::string_view("GET /big ").size());
}

TEST_F(H2SessionTest, ClientThatTakesNothingIsCutOffAfterSendTimeout) {
  const auto client = client_of(connect_local());
  const StreamId id = client->get("/big");
  H2Client::Call& call = *client->calls.at(id);
  ASSERT_TRUE(pump_until(*client, [&] { return call.data.size() == 65'535; }));
  turn();
  pass_ms(proxy_options_.send_timeout_ms + 100);
  EXPECT_TRUE(
      pump_until(*client, [&] { return call.closed == static_cast<int>(ErrorCode::kInternalError); }));
  client->engine.consume_connection(call.data.size());
  const H2Client::Call& next = wait_for_response(*client, client->get("/next"));
  EXPECT_EQ(next.status(), "200");
  EXPECT_TRUE(next.ended);
}

TEST_F(H2SessionTest, SlowBodyGets408AndOtherStreamsGoOn) {
  const auto client = client_of(connect_local());
  const StreamId id = client->get("/echo", /*with_body=*/true);
  client->pump();
  turn();
  pass_ms(proxy_options_.client_body_timeout_ms + 100);
  EXPECT_EQ(wait_for_response(*client, id).status(), "408");
  EXPECT_EQ(wait_for_response(*client, client->get("/quick")).status(), "200");
}

TEST_F(H2SessionTest, ConnectionWithoutStreamsEndsAfterKeepaliveTimeout) {
  const auto client = client_of(connect_local());
  EXPECT_EQ(wait_for_response(*client, client->get("/quick")).status(), "200");
  pass_ms(proxy_options_.keepalive_timeout_ms + 100);
  EXPECT_TRUE(ended(*client));
  ASSERT_EQ(client->goaways.size(), 1U);
  EXPECT_EQ(client->goaways[0].second, ErrorCode::kNoError);
}

TEST_F(H2SessionTest, OnlyConnectionsWithoutRequestsMakeRoom) {
  const auto client = client_of(connect_local());
  const ClientKind kind = ClientKind::kControl;
  EXPECT_EQ(services_->connections.waiting(kind), 1U);
  const StreamId id = client->get("/wait");
  client->pump();
  turn();
  EXPECT_EQ(services_->connections.waiting(kind), 0U);
  EXPECT_FALSE(services_->connections.make_room(kind));
  EXPECT_EQ(tallies_.writing.get(), 1U);
  echo_.go_on.notify();
  EXPECT_EQ(wait_for_response(*client, id).status(), "200");
  EXPECT_EQ(services_->connections.waiting(kind), 1U);
  EXPECT_EQ(tallies_.writing.get(), 0U);
  EXPECT_TRUE(services_->connections.make_room(kind));
  EXPECT_TRUE(ended(*client));
}

TEST_F(H2SessionTest, DrainServesWhatIsInFlightAndWhatCrossesTheNotice) {
  const auto client = client_of(connect_local());
  const StreamId waiting = client->get("/wait");
  client->pump();
  turn();
  services_->draining = true;
  services_->connections.drain();
  const StreamId crossing = client->get("/quick");
  EXPECT_EQ(wait_for_response(*client, crossing).status(), "200");
  ASSERT_EQ(client->goaways.size(), 1U);
  EXPECT_EQ(client->goaways[0].first, 0x7fffffff);
  pass_ms(limits::kDrainIdleMs + 50);
  ASSERT_TRUE(pump_until(*client, [&] { return client->goaways.size() == 2; }));
  EXPECT_EQ(client->goaways[1].first, crossing);
  echo_.go_on.notify();
  EXPECT_EQ(wait_for_response(*client, waiting).status(), "200");
  EXPECT_TRUE(ended(*client));
}

TEST_F(H2SessionTest, ShutdownAnswersWhatHasNoResponseYet) {
  const auto client = client_of(connect_local());
  const StreamId waiting = client->get("/wait");
  client->pump();
  turn();
  services_->connections.shut_down();
  EXPECT_EQ(wait_for_response(*client, waiting).status(), "503");
  EXPECT_TRUE(ended(*client));
}

TEST_F(H2SessionTest, ClientThatIsGoneEndsAllItsRequests) {
  const auto client = client_of(connect_local());
  client->get("/wait");
  client->get("/wait");
  client->pump();
  turn();
  client->peer->reset();
  EXPECT_TRUE(turn_until([&] { return services_->connections.size() == 0; }));
  EXPECT_EQ(tallies_.writing.get(), 0U);
}

TEST_F(H2SessionTest, ResetStreamIsForgottenAlone) {
  const auto client = client_of(connect_local());
  const StreamId id = client->get("/wait");
  client->pump();
  turn();
  client->engine.reset(id, ErrorCode::kCancel);
  EXPECT_EQ(wait_for_response(*client, client->get("/quick")).status(), "200");
  EXPECT_EQ(services_->connections.waiting(ClientKind::kControl), 1U);
}

}  // namespace
}  // namespace apisix::proxy
