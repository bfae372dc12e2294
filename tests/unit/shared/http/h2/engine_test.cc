#include "shared/http/h2/engine.h"

#include <algorithm>
#include <array>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::h2 {
namespace {

using testing::ElementsAre;
using testing::Pair;
using Fields = std::vector<std::pair<std::string, std::string>>;

// What came on a stream, and what it has to send.
struct TestStream final : EngineStream {
  void on_field(std::string_view name, std::string_view value) override { fields.emplace_back(name, value); }
  void on_block_end(Block block, bool end) override {
    blocks.push_back(block);
    ended_with_block |= end;
  }
  void on_data(std::string_view bytes) override { data += bytes; }
  void on_end() override { ended = true; }
  void on_closed(ErrorCode code) override { closed = static_cast<int>(code); }
  Ready data_ready(std::size_t bytes_max) override {
    const std::size_t bytes = std::min(bytes_max, to_send.size());
    const bool end = ends && bytes == to_send.size();
    if (end && before_end) before_end();
    return {.bytes = bytes, .end = end, .trailers = end && before_end != nullptr};
  }
  void take_data(std::size_t bytes, FrameOutput& output) override {
    taken.push_back(to_send.substr(0, bytes));
    output.add(taken.back());
    sent += bytes;
    to_send.erase(0, bytes);
  }

  Fields fields;
  std::vector<Block> blocks;
  std::string data;
  std::string to_send;
  std::list<std::string> taken;  // what views point to until they are delivered
  std::function<void()> before_end;
  std::size_t sent = 0;
  int closed = -1;
  bool ended = false;
  bool ended_with_block = false;
  bool ends = false;
};

struct TestUser final : Engine::User {
  EngineStream* on_stream_opened(StreamId id) override { return refuses ? nullptr : &streams[id]; }
  void on_frame(FrameType type, StreamId, std::size_t) override {
    frames.push_back(type);
    if (engine != nullptr && frames.size() == fails_at) engine->fail(ErrorCode::kEnhanceYourCalm);
  }
  void on_invalid_frame(FrameType, StreamId) override { ++invalid; }
  void on_settings() override { ++settings; }
  void on_goaway(StreamId last, ErrorCode code) override { goaway = {last, static_cast<int>(code)}; }

  std::map<StreamId, TestStream> streams;
  std::vector<FrameType> frames;
  std::pair<StreamId, int> goaway{-1, -1};
  Engine* engine = nullptr;
  std::size_t fails_at = 0;
  int settings = 0;
  int invalid = 0;
  bool refuses = false;
};

// A server and a client, joined by strings.
class EngineTest : public testing::Test {
 protected:
  // True: something went over. Views are delivered before they change.
  static bool deliver(Engine& from, Engine& to, bool& is_good) {
    FrameOutput output;
    bool any = false;
    for (bool more = true; more;) {
      more = from.take_output(output);
      std::string bytes;
      for (const iovec& piece : output.pieces())
        bytes.append(static_cast<char*>(piece.iov_base), piece.iov_len);
      output.clear();
      any |= !bytes.empty();
      is_good &= to.receive(bytes);
    }
    return any;
  }
  void run() {
    while (static_cast<int>(deliver(client_, server_, server_good_)) |
           static_cast<int>(deliver(server_, client_, client_good_))) {
    }
  }
  StreamId request(TestStream& stream, Engine::Sending sending = Engine::Sending::kEnd) {
    const std::vector<Field> fields = {
        {":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
    return client_.submit_request(fields, sending, stream);
  }
  void respond(StreamId id, Engine::Sending sending) {
    const std::vector<Field> fields = {{":status", "200"}, {"X-Case", "A"}};
    server_.submit_response(id, fields, sending);
  }

  TestUser at_server_;
  TestUser at_client_;
  Engine server_{Engine::Role::kServer, {.enable_connect_protocol = true}, at_server_};
  Engine client_{Engine::Role::kClient, {}, at_client_};
  TestStream call_;
  bool server_good_ = true;
  bool client_good_ = true;
};

TEST_F(EngineTest, RequestAndResponseWithoutContent) {
  const StreamId id = request(call_);
  EXPECT_EQ(id, 1);
  run();
  TestStream& served = at_server_.streams.at(id);
  EXPECT_THAT(served.fields, ElementsAre(Pair(":method", "POST"), Pair(":scheme", "http"),
                                         Pair(":authority", "a"), Pair(":path", "/")));
  EXPECT_TRUE(served.ended && served.ended_with_block);
  respond(id, Engine::Sending::kEnd);
  run();
  EXPECT_THAT(call_.fields, ElementsAre(Pair(":status", "200"), Pair("x-case", "A")));
  EXPECT_THAT(call_.blocks, ElementsAre(EngineStream::Block::kHead));
  EXPECT_TRUE(call_.ended);
  EXPECT_EQ(call_.closed, 0);
  EXPECT_EQ(served.closed, 0);
  EXPECT_EQ(at_client_.settings, 1);
}

TEST_F(EngineTest, ContentGoesBothWaysAsFarAsWindowsLetIt) {
  const StreamId id = request(call_, Engine::Sending::kData);
  call_.to_send = std::string(100'000, 'q');
  call_.ends = true;
  run();
  TestStream& served = at_server_.streams.at(id);
  EXPECT_EQ(served.data.size(), 65'535U);
  EXPECT_FALSE(served.ended);
  server_.consume(id, served.data.size());
  run();
  EXPECT_EQ(served.data.size(), 100'000U);
  EXPECT_TRUE(served.ended);
  served.to_send = std::string(50'000, 'r');
  served.ends = true;
  respond(id, Engine::Sending::kData);
  run();
  EXPECT_TRUE(call_.data == std::string(50'000, 'r'));
  EXPECT_TRUE(call_.ended);
  EXPECT_EQ(call_.closed, 0);
}

// Servers make their frames in one buffer: one that stops in the middle of its output finds its own frames
// again, after others have made theirs. So do heads that are longer than a frame.
TEST_F(EngineTest, ServersTakeTurnsInTheMiddleOfTheirOutput) {
  struct Peers {
    TestUser at_server;
    TestUser at_client;
    Engine server{Engine::Role::kServer, {}, at_server};
    Engine client{Engine::Role::kClient,
                  {.stream_window_bytes = 1 << 20, .connection_window_bytes = 1 << 20},
                  at_client};
    TestStream call;
  };
  std::array<Peers, 3> pairs;
  const std::string long_value(40'000, 'v');
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    Peers& pair = pairs[i];
    const std::vector<Field> fields = {
        {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}};
    ASSERT_EQ(pair.client.submit_request(fields, Engine::Sending::kEnd, pair.call), 1);
  }
  bool is_good = true;
  for (Peers& pair : pairs) deliver(pair.client, pair.server, is_good);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    TestStream& served = pairs[i].at_server.streams.at(1);
    served.to_send = std::string(300'000 + i, static_cast<char>('a' + i));
    served.ends = true;
    pairs[i].server.submit_response(1, std::vector<Field>{{":status", "200"}, {"long", long_value}},
                                    Engine::Sending::kData);
  }
  std::array<FrameOutput, 3> outputs;
  int stops = 0;
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const bool is_full = pairs[i].server.take_output(outputs[i]);
      stops += is_full ? 1 : 0;
      more |= is_full;
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      std::string bytes;
      for (const iovec& piece : outputs[i].pieces())
        bytes.append(static_cast<char*>(piece.iov_base), piece.iov_len);
      outputs[i].clear();
      is_good &= pairs[i].client.receive(bytes);
    }
  }
  EXPECT_TRUE(is_good);
  EXPECT_GT(stops, 3);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const TestStream& call = pairs[i].call;
    EXPECT_TRUE(call.data == std::string(300'000 + i, static_cast<char>('a' + i))) << i;
    EXPECT_TRUE(call.ended) << i;
    EXPECT_THAT(call.fields, ElementsAre(testing::Pair(":status", "200"), testing::Pair("long", long_value)))
        << i;
  }
}

TEST_F(EngineTest, ClientsKeepTheirPrefaceWhileOthersWrite) {
  TestUser user;
  Engine other{Engine::Role::kServer, {}, user};
  FrameOutput output;
  other.take_output(output);
  request(call_);
  run();
  EXPECT_TRUE(server_good_);
  EXPECT_TRUE(at_server_.streams.at(1).ended);
}

TEST_F(EngineTest, StreamWaitsUntilItIsResumed) {
  const StreamId id = request(call_, Engine::Sending::kData);
  run();
  EXPECT_EQ(at_server_.streams.at(id).data, "");
  call_.to_send = "late";
  client_.resume(id);
  run();
  EXPECT_EQ(at_server_.streams.at(id).data, "late");
  call_.ends = true;
  client_.resume(id);
  run();
  EXPECT_TRUE(at_server_.streams.at(id).ended);
}

TEST_F(EngineTest, WindowOfTheStreamIsHeldBackAlone) {
  const StreamId first = request(call_, Engine::Sending::kData);
  call_.to_send = std::string(100'000, 'q');
  run();
  server_.consume_connection(at_server_.streams.at(first).data.size());
  TestStream other;
  const StreamId second = request(other, Engine::Sending::kData);
  other.to_send = std::string(1000, 'o');
  other.ends = true;
  run();
  EXPECT_EQ(at_server_.streams.at(first).data.size(), 65'535U);
  EXPECT_TRUE(at_server_.streams.at(second).ended);
  server_.consume_stream(first, 65'535);
  run();
  EXPECT_EQ(at_server_.streams.at(first).data.size(), 100'000U);
}

TEST_F(EngineTest, InformationalResponsesAndTrailersAreToldApart) {
  const StreamId id = request(call_);
  run();
  server_.submit_informational(id, std::vector<Field>{{":status", "103"}});
  TestStream& served = at_server_.streams.at(id);
  served.to_send = "x";
  served.ends = true;
  served.before_end = [&] { server_.submit_trailers(id, std::vector<Field>{{"x-sum", "1"}}); };
  respond(id, Engine::Sending::kData);
  run();
  EXPECT_THAT(call_.blocks, ElementsAre(EngineStream::Block::kInformational, EngineStream::Block::kHead,
                                        EngineStream::Block::kTrailers));
  EXPECT_EQ(call_.data, "x");
  EXPECT_EQ(call_.fields.back(), (std::pair<std::string, std::string>("x-sum", "1")));
  EXPECT_TRUE(call_.ended);
}

TEST_F(EngineTest, ResetArrivesWithItsCode) {
  const StreamId id = request(call_, Engine::Sending::kData);
  run();
  client_.reset(id, ErrorCode::kCancel);
  run();
  EXPECT_EQ(at_server_.streams.at(id).closed, static_cast<int>(ErrorCode::kCancel));
  EXPECT_EQ(call_.closed, static_cast<int>(ErrorCode::kCancel));
}

TEST_F(EngineTest, ForgottenStreamGetsNoMoreCalls) {
  const StreamId id = request(call_, Engine::Sending::kData);
  call_.to_send = "abc";
  client_.reset(id, ErrorCode::kCancel);
  client_.forget(id);
  run();
  EXPECT_EQ(call_.closed, -1);
  EXPECT_EQ(call_.sent, 0U);
}

TEST_F(EngineTest, RefusedStreamIsSafeToRepeat) {
  at_server_.refuses = true;
  request(call_);
  run();
  EXPECT_EQ(call_.closed, static_cast<int>(ErrorCode::kRefusedStream));
}

TEST_F(EngineTest, GoawayServesWhatCameAndRefusesTheRest) {
  const StreamId first = request(call_);
  run();
  server_.submit_goaway(ErrorCode::kNoError);
  TestStream other;
  request(other);
  run();
  EXPECT_EQ(at_client_.goaway, (std::pair<StreamId, int>(first, 0)));
  EXPECT_EQ(other.closed, static_cast<int>(ErrorCode::kRefusedStream));
  respond(first, Engine::Sending::kEnd);
  run();
  EXPECT_EQ(call_.closed, 0);
}

TEST_F(EngineTest, FailInACallbackEndsTheConnectionWithItsCode) {
  at_server_.engine = &server_;
  at_server_.fails_at = 2;
  request(call_);
  run();
  EXPECT_FALSE(server_good_);
  EXPECT_EQ(at_client_.goaway.second, static_cast<int>(ErrorCode::kEnhanceYourCalm));
}

TEST_F(EngineTest, BytesThatAreNoFramesEndTheConnection) {
  EXPECT_FALSE(server_.receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

TEST_F(EngineTest, MalformedRequestIsReset) {
  const std::vector<Field> fields = {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"connection", "x"}};
  client_.submit_request(fields, Engine::Sending::kEnd, call_);
  run();
  EXPECT_EQ(call_.closed, static_cast<int>(ErrorCode::kProtocolError));
  EXPECT_EQ(at_server_.invalid, 1);
  EXPECT_TRUE(server_good_);
}

TEST_F(EngineTest, MalformedResponseIsResetByTheClient) {
  const StreamId id = request(call_);
  run();
  server_.submit_response(id, std::vector<Field>{{":status", "200"}, {"x", "a\nb"}}, Engine::Sending::kEnd);
  run();
  EXPECT_EQ(call_.closed, static_cast<int>(ErrorCode::kProtocolError));
  EXPECT_EQ(at_client_.invalid, 1);
}

TEST_F(EngineTest, SettingsOfThePeerAreKnown) {
  run();
  EXPECT_EQ(client_.peer_concurrent_streams_max(), 128U);
}

TEST(FrameOutputTest, SmallPiecesJoinAndLargeOnesAreViews) {
  FrameOutput output;
  const std::string large(FrameOutput::kCopiedBytesMax + 1, 'x');
  output.add_copy("head");
  output.add("small");
  EXPECT_FALSE(output.has_views());
  EXPECT_EQ(output.pieces().size(), 1U);
  output.add(large);
  output.add_copy("next");
  EXPECT_TRUE(output.has_views());
  ASSERT_EQ(output.pieces().size(), 3U);
  EXPECT_EQ(output.pieces()[1].iov_base, large.data());
  EXPECT_EQ(output.bytes(), 9 + large.size() + 4);
  output.clear();
  EXPECT_TRUE(output.empty());
}

TEST(ErrorCodeTest, CodesHaveTheirNamesOfTheRfc) {
  EXPECT_EQ(to_string(ErrorCode::kEnhanceYourCalm), "ENHANCE_YOUR_CALM");
  EXPECT_EQ(to_string(static_cast<ErrorCode>(77)), "UNKNOWN");
}

}  // namespace
}  // namespace apisix::h2
