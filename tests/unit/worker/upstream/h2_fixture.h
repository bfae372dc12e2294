// Exchanges in HTTP/2, their owners, and a node of the test that speaks it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/worker/upstream/exchange_fixture.h"
#include "tests/unit/worker/upstream/h2_node.h"

namespace apisix::upstream {

class H2Test : public ::testing::Test {
 protected:
  std::unique_ptr<Owner> make_owner() {
    auto owner = std::make_unique<Owner>();
    owner->pool = &pool_;
    return owner;
  }
  void open(Owner& owner, http::Method method = http::Method::kPost) {
    const Endpoint endpoint = node_.endpoint();
    auto opened = pool_.open({.endpoint = endpoint,
                              .arena = arena_,
                              .keepalive = limits_,
                              .method = method,
                              .protocol = http::Protocol::k2,
                              .is_grpc = is_grpc_},
                             owner);
    ASSERT_TRUE(opened);
    owner.exchange = std::move(*opened);
  }
  // Connected, with the node's end of the connection when there is a new one.
  void connect(Owner& owner, http::Method method = http::Method::kPost) {
    open(owner, method);
    if (owner.exchange->is_connected()) return;
    turn_until([&] { return owner.exchange->is_connected() || owner.failed; });
    accept();
  }
  void accept() { nodes_.push_back(std::make_unique<H2Node>(node_.accept(), settings_)); }
  bool send(Owner& owner, const http::Content& first = {.end = true},
            http::Framing framing = http::Framing::kNone, std::string_view method = "POST") {
    http::RequestWrite head;
    head.method = method;
    head.target = "/pkg.Service/Call";
    head.host = "a.test";
    head.headers = &headers_;
    head.framing = framing;
    return owner.exchange->write_head(head, first);
  }
  // The node has got the request.
  NodeStream& begin(Owner& owner, http::Method method = http::Method::kPost) {
    connect(owner, method);
    const std::size_t before = node().streams.size();
    EXPECT_TRUE(send(owner, {.end = true}, http::Framing::kNone, http::method_name(method)));
    turn_until([&] { return node().streams.size() > before; });
    return *node().streams.back();
  }
  H2Node& node() { return *nodes_.back(); }
  bool has(const Owner& owner, std::string_view event) {
    return std::ranges::find(owner.events, event) != owner.events.end();
  }
  void turn() {
    for (const auto& node : nodes_) node->turn();
    loop_.run_once(1);
    for (const auto& node : nodes_) node->turn();
  }
  template <typename Condition>
  void turn_until(Condition condition) {
    for (int turns = 0; !condition() && turns < 2000; ++turns) turn();
    EXPECT_TRUE(condition());
  }
  void turns() {
    for (int i = 0; i < 5; ++i) turn();
  }

  event::Loop loop_;
  base::Arena arena_;
  http::HeaderMap headers_;
  SocketNode node_;
  KeepaliveLimits limits_;
  h2::Engine::Settings settings_;
  bool is_grpc_ = false;
  std::vector<std::unique_ptr<H2Node>> nodes_;
  Pool pool_{loop_};
  std::unique_ptr<Owner> owner_ = make_owner();
};

}  // namespace apisix::upstream
