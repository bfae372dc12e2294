// An exchange in HTTP/1.1, its owner, and a node that is a socket of the test.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/event/loop.h"
#include "tests/unit/worker/upstream/node.h"
#include "worker/upstream/h1_exchange.h"

namespace apisix::upstream {

// What the owner of an exchange was called for.
struct Owner final : Exchange::User {
  void on_connected() override { events.emplace_back("connected"); }
  void on_head_progress() override { events.emplace_back("progress"); }
  void on_informational(http::ResponseHead& head) override {
    events.push_back("informational " + std::to_string(head.status));
    if (aborts_at_informational) exchange->abort(true);
  }
  void on_response(http::ResponseHead& head) override {
    status = head.status;
    fields = head.headers.size();
    events.push_back("response " + std::to_string(head.status));
  }
  void on_response_content(const http::Content& content, bool more_at_hand) override {
    for (const iovec& piece : content.pieces)
      body.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    more = more_at_hand;
    ended |= content.end;
    if (content.end) idle_at_end = pool->idle();
    if (content.trailers != nullptr) trailers = content.trailers->size();
  }
  void on_upgrade(http::ResponseHead& head, std::string_view bytes) override {
    status = head.status;
    exchange->start_tunnel();
    body += bytes;
  }
  void on_tunnel_bytes(std::string_view bytes) override { body += bytes; }
  void on_tunnel_closed() override { events.emplace_back("tunnel closed"); }
  void on_request_writable() override { events.emplace_back("writable"); }
  void on_failed(const Exchange::Failure& why) override {
    failure = why;
    what = why.what;
    failed = true;
  }

  Pool* pool = nullptr;
  std::unique_ptr<Exchange> exchange;
  std::vector<std::string> events;
  std::string body;
  std::string what;
  std::uint16_t status = 0;
  std::size_t fields = 0;
  std::size_t trailers = 0;
  std::uint64_t idle_at_end = 99;
  bool aborts_at_informational = false;
  bool more = false;
  bool ended = false;
  bool failed = false;
  Exchange::Failure failure;
};

class H1ExchangeTest : public ::testing::Test {
 protected:
  std::unique_ptr<Owner> make_owner() {
    auto owner = std::make_unique<Owner>();
    owner->pool = &pool_;
    return owner;
  }
  void open(Owner& owner, http::Method method = http::Method::kGet) {
    const Endpoint endpoint = node_.endpoint();
    auto opened =
        pool_.open({.endpoint = endpoint, .arena = arena_, .keepalive = limits_, .method = method}, owner);
    ASSERT_TRUE(opened);
    owner.exchange = std::move(*opened);
  }
  bool has(const Owner& owner, std::string_view event) {
    return std::ranges::find(owner.events, event) != owner.events.end();
  }
  // Connected, with the node's end of the connection.
  void connect(Owner& owner, http::Method method = http::Method::kGet) {
    open(owner, method);
    if (owner.exchange->is_connected()) return;
    turn_until([&] { return owner.exchange->is_connected(); });
    ends_.push_back(node_.accept());
    ::fcntl(ends_.back().fd(), F_SETFL, O_NONBLOCK);
  }
  bool send(Owner& owner, const http::Content& first = {.end = true},
            http::Framing framing = http::Framing::kNone, std::string_view method = "GET") {
    http::RequestWrite head;
    head.method = method;
    head.target = "/path";
    head.host = "a.test";
    head.framing = framing;
    return owner.exchange->write_head(head, first);
  }
  void begin(Owner& owner, http::Method method = http::Method::kGet) {
    connect(owner, method);
    ASSERT_TRUE(send(owner));
  }
  void node_says(std::string_view text) {
    ASSERT_EQ(::send(ends_.back().fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string node_reads() {
    char bytes[65536];
    const ssize_t got = ::recv(ends_.back().fd(), bytes, sizeof bytes, 0);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
  }
  // An end, and not the reset that unread bytes would make of it.
  void node_closes() {
    node_reads();
    ends_.pop_back();
  }
  template <typename Condition>
  void turn_until(Condition condition) {
    for (int turns = 0; !condition() && turns < 500; ++turns) loop_.run_once(10);
    EXPECT_TRUE(condition());
  }
  void turn() {
    for (int i = 0; i < 3; ++i) loop_.run_once(1);
  }

  event::Loop loop_;
  base::Arena arena_;
  SocketNode node_;
  KeepaliveLimits limits_;
  std::vector<net::Socket> ends_;
  Pool pool_{loop_};
  std::unique_ptr<Owner> owner_ = make_owner();
};

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

inline http::Content content_of(const iovec& piece, bool end) {
  return {.pieces = {&piece, 1}, .bytes = piece.iov_len, .end = end};
}

}  // namespace apisix::upstream
