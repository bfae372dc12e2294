// A node that speaks HTTP/2: the engine as a server, on a socket of the test. It responds when the test says.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/http/h2/engine.h"
#include "shared/net/socket.h"

namespace apisix::upstream {

// One request that came, and the response to it.
struct NodeStream final : h2::EngineStream {
  explicit NodeStream(h2::Engine& node, h2::StreamId stream) : engine(node), id(stream) {}

  void on_field(std::string_view name, std::string_view value) override {
    fields.emplace_back(name, value);
    (ended_head ? trailers : head)[std::string(name)] = value;
  }
  void on_block_end(Block, bool) override { ended_head = true; }
  void on_data(std::string_view bytes) override {
    body += bytes;
    if (consumes) engine.consume(id, bytes.size());
  }
  void on_end() override { ended = true; }
  void on_closed(h2::ErrorCode code) override { closed = code; }
  Ready data_ready(std::size_t bytes_max) override {
    const std::size_t left = response.size() - sent;
    Ready ready{.bytes = std::min(bytes_max, left)};
    ready.end = response_ended && ready.bytes == left;
    if (ready.end && !response_trailers.empty()) {
      engine.submit_trailers(id, response_trailers);
      ready.trailers = true;
    }
    return ready;
  }
  void take_data(std::size_t bytes, h2::FrameOutput& output) override {
    output.add(std::string_view(response).substr(sent, bytes));
    sent += bytes;
  }

  void respond(std::vector<h2::Field> head_fields, std::string_view content, bool end) {
    response += content;
    response_ended = end;
    const bool empty = end && content.empty() && response_trailers.empty();
    engine.submit_response(id, head_fields, empty ? h2::Engine::Sending::kEnd : h2::Engine::Sending::kData);
  }
  void send(std::string_view content, bool end) {
    response += content;
    response_ended = end;
    engine.resume(id);
  }

  h2::Engine& engine;
  const h2::StreamId id;
  std::vector<std::pair<std::string, std::string>> fields;  // in their order, with trailers
  std::map<std::string, std::string> head;
  std::map<std::string, std::string> trailers;
  std::string body;
  std::string response;
  std::size_t sent = 0;  // of it
  std::vector<h2::Field> response_trailers;
  std::optional<h2::ErrorCode> closed;
  bool ended_head = false;
  bool ended = false;
  bool response_ended = false;
  bool consumes = true;
};

class H2Node final : private h2::Engine::User {
 public:
  explicit H2Node(net::Socket socket, const h2::Engine::Settings& settings = {})
      : engine(h2::Engine::Role::kServer, settings, *this), socket_(std::move(socket)) {
    ::fcntl(socket_.fd(), F_SETFL, O_NONBLOCK);
  }

  // Reads what is there, and writes what there is.
  void turn() {
    char bytes[65536];
    const ssize_t got = socket_.is_open() ? ::recv(socket_.fd(), bytes, sizeof bytes, 0) : -1;
    if (got == 0) closed = true;
    if (got > 0) {
      ++reads;
      is_valid &= engine.receive({bytes, static_cast<std::size_t>(got)});
    }
    write();
  }
  void write() {
    for (bool more = true; more && socket_.is_open();) {
      h2::FrameOutput output;
      more = engine.take_output(output);
      for (const iovec& piece : output.pieces())
        say({static_cast<const char*>(piece.iov_base), piece.iov_len});
    }
  }
  // Bytes that no engine would send.
  void say(std::string_view bytes) {
    EXPECT_EQ(::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void close() { socket_ = net::Socket(); }
  NodeStream& stream(std::size_t index) { return *streams.at(index); }

  h2::Engine engine;
  std::vector<std::unique_ptr<NodeStream>> streams;
  int reads = 0;
  bool refuses = false;
  bool closed = false;
  bool is_valid = true;
  std::optional<h2::ErrorCode> goaway;

 private:
  h2::EngineStream* on_stream_opened(h2::StreamId id) override {
    if (refuses) return nullptr;
    streams.push_back(std::make_unique<NodeStream>(engine, id));
    return streams.back().get();
  }
  void on_frame(h2::FrameType, h2::StreamId, std::size_t) override {}
  void on_invalid_frame(h2::FrameType, h2::StreamId) override {}
  void on_settings() override {}
  void on_goaway(h2::StreamId, h2::ErrorCode code) override { goaway = code; }

  net::Socket socket_;
};

}  // namespace apisix::upstream
