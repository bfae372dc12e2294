#include "privileged-agent/small_server.h"

#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/unique_fd.h"

namespace apisix::agent {
namespace {

constexpr int kTurnsMax = 20'000;

struct SourceLog {
  std::size_t pieces_left = 0;
  std::size_t piece_bytes = 0;
  std::size_t made = 0;  // pieces
  int alive = 0;
};

class Pieces final : public BodySource {
 public:
  explicit Pieces(SourceLog& log) : log_(log) { ++log_.alive; }
  ~Pieces() override { --log_.alive; }
  bool append(std::string& out) override {
    out.append(log_.piece_bytes, static_cast<char>('a' + log_.made++ % 26));
    return --log_.pieces_left > 0;
  }

 private:
  SourceLog& log_;
};

class SmallServerTest : public testing::Test {
 protected:
  SmallServerTest() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), generic(), sizeof address_), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    socklen_t length = sizeof address_;
    EXPECT_EQ(::getsockname(listener_.get(), generic(), &length), 0);
    sockets_.push_back({.fd = listener_.get(),
                        .purpose = channel::ListenSocket::Purpose::kMetrics,
                        .address = {},
                        .listen = {},
                        .is_spare = false});
    server_.emplace(loop_, sockets_, channel::ListenSocket::Purpose::kMetrics, [this](const SmallRequest&) {
      return SmallResponse{200, "text/plain", {}, std::make_unique<Pieces>(log_)};
    });
    server_->serve();
  }

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }
  base::UniqueFd connect_and_ask(std::string_view version, int receive_bytes = 0) {
    base::UniqueFd client(::socket(AF_INET, SOCK_STREAM, 0));
    if (receive_bytes > 0) {
      ::setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    EXPECT_EQ(::connect(client.get(), generic(), sizeof address_), 0);
    const std::string head = "GET /m HTTP/" + std::string(version) + "\r\nHost: a\r\n\r\n";
    EXPECT_EQ(::send(client.get(), head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
    return client;
  }
  // Up to the end of the connection.
  std::string read_all(int client) {
    std::string out;
    std::array<char, 65536> bytes;
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      loop_.run_once(1);
      const ssize_t got = ::recv(client, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got == 0) return out;
      if (got > 0) out.append(bytes.data(), static_cast<std::size_t>(got));
    }
    ADD_FAILURE() << "the connection was not closed";
    return out;
  }
  static std::string body_of(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
  }
  static std::string unchunked(std::string_view body) {
    std::string out;
    while (!body.empty()) {
      const std::size_t size = std::stoul(std::string(body.substr(0, body.find("\r\n"))), nullptr, 16);
      body.remove_prefix(body.find("\r\n") + 2);
      if (size == 0) break;
      out.append(body.substr(0, size));
      body.remove_prefix(size + 2);
    }
    return out;
  }
  std::string whole_body(std::size_t pieces, std::size_t bytes) {
    std::string out;
    for (std::size_t i = 0; i < pieces; ++i) out.append(bytes, static_cast<char>('a' + i % 26));
    return out;
  }

  event::Loop loop_;
  sockaddr_in address_{};
  base::UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
  std::vector<channel::ListenSocket> sockets_;
  SourceLog log_;
  std::optional<SmallServer> server_;
};

TEST_F(SmallServerTest, ShortBodyHasALength) {
  log_ = {.pieces_left = 3, .piece_bytes = 10};
  const base::UniqueFd client = connect_and_ask("1.1");
  const std::string response = read_all(client.get());
  EXPECT_NE(response.find("\r\nContent-Length: 30\r\n"), std::string::npos) << response;
  EXPECT_EQ(body_of(response), whole_body(3, 10));
  EXPECT_EQ(log_.alive, 0);
}

TEST_F(SmallServerTest, LongBodyComesWholeInChunks) {
  log_ = {.pieces_left = 40, .piece_bytes = SmallServer::kSliceBytes / 2};
  const base::UniqueFd client = connect_and_ask("1.1");
  const std::string response = read_all(client.get());
  EXPECT_NE(response.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(unchunked(body_of(response)), whole_body(40, SmallServer::kSliceBytes / 2));
}

TEST_F(SmallServerTest, LongBodyEndsWithTheConnectionForHttp10) {
  log_ = {.pieces_left = 40, .piece_bytes = SmallServer::kSliceBytes / 2};
  const base::UniqueFd client = connect_and_ask("1.0");
  const std::string response = read_all(client.get());
  EXPECT_EQ(response.find("chunked"), std::string::npos);
  EXPECT_EQ(body_of(response), whole_body(40, SmallServer::kSliceBytes / 2));
}

TEST_F(SmallServerTest, SlowReaderHoldsOneSlice) {
  log_ = {.pieces_left = 100'000, .piece_bytes = SmallServer::kSliceBytes};
  const base::UniqueFd client = connect_and_ask("1.1", 4096);
  std::size_t made = 0;
  for (int still = 0; still < 50; ++still) {  // until nothing moves any more
    loop_.run_once(1);
    loop_.skip_ms(5);
    if (log_.made != made) still = 0;
    made = log_.made;
    ASSERT_LT(made * SmallServer::kSliceBytes, 64U << 20) << "more than the sockets take";
  }
  EXPECT_EQ(log_.alive, 1);
}

TEST_F(SmallServerTest, DrainsWhatItHasBegunAndTakesNoMore) {
  log_ = {.pieces_left = 100, .piece_bytes = SmallServer::kSliceBytes};
  const base::UniqueFd client = connect_and_ask("1.1");
  for (int turn = 0; turn < kTurnsMax && log_.alive == 0; ++turn) loop_.run_once(1);
  ASSERT_EQ(log_.alive, 1);
  int idle = 0;
  server_->drain([&] { ++idle; });
  const base::UniqueFd late = connect_and_ask("1.1");
  EXPECT_FALSE(server_->is_idle());
  EXPECT_EQ(unchunked(body_of(read_all(client.get()))), whole_body(100, SmallServer::kSliceBytes));
  EXPECT_EQ(idle, 1);
  EXPECT_TRUE(server_->is_idle());
  std::array<char, 1> byte;
  EXPECT_EQ(::recv(late.get(), byte.data(), 1, MSG_DONTWAIT), -1) << "it waits for the next generation";
}

TEST_F(SmallServerTest, ReaderThatLeavesEndsTheSource) {
  log_ = {.pieces_left = 100'000, .piece_bytes = SmallServer::kSliceBytes};
  base::UniqueFd client = connect_and_ask("1.1");
  for (int turn = 0; turn < kTurnsMax && log_.alive == 0; ++turn) loop_.run_once(1);
  ASSERT_EQ(log_.alive, 1);
  client = base::UniqueFd();
  for (int turn = 0; turn < kTurnsMax && log_.alive > 0; ++turn) {
    loop_.run_once(1);
    loop_.skip_ms(5);
  }
  EXPECT_EQ(log_.alive, 0);
}

}  // namespace
}  // namespace apisix::agent
