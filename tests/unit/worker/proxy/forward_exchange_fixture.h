// A Stream that forwards, between a client and nodes that speak no protocol.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/worker/proxy/fake_client_exchange.h"
#include "tests/unit/worker/proxy/fake_exchange.h"
#include "tests/unit/worker/proxy/plugins_of_test.h"
#include "tests/unit/worker/proxy/proxy_fixture.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

class ForwardExchangeTest : public ProxyTest {
 protected:
  ~ForwardExchangeTest() override { stream_.reset(); }

  // A route to `nodes` nodes; each attempt is an exchange of opener_.
  void open(int nodes = 1, std::string_view more = "") {
    std::string list;
    for (int i = 1; i <= nodes; ++i) {
      list += fmt::format(R"({}{{"host":"192.0.2.{}","port":80,"weight":1}})", i == 1 ? "" : ",", i);
    }
    put("routes/1",
        fmt::format(R"({{"id":"1","uri":"/*","upstream":{{"type":"roundrobin","nodes":[{}]}}{}}})", list,
                    more));
    start();
    services_->opener = &opener_;
    client_.peer_ip = base::IpAddress::parse("192.0.2.77").value();
    stream_ = std::make_unique<Stream>(*services_, *proxy_listener_, client_, exchange_);
  }
  void request(std::string_view method = "GET", http::Framing framing = http::Framing::kNone,
               std::uint64_t length = 0) {
    http::RequestHead& head = make_request_head(stream_->arena(), method, framing, length);
    for (const auto& [name, value] : fields_) head.headers.add(stream_->arena(), name, value);
    if (upgrades_) {
      head.upgrade = true;
      head.upgrade_protocol = "websocket";
    }
    if (framing == http::Framing::kNone) exchange_.end_with_head();
    stream_->on_request(head, 200);
  }
  FakeExchange& node(std::size_t attempt = 0) { return *opener_.exchanges.at(attempt); }
  std::size_t attempts() const { return opener_.exchanges.size(); }
  void more_content(std::string_view bytes) {
    exchange_.give(bytes);
    stream_->on_request_content();
  }
  Forward::State state() { return stream_->forward().state(); }
  // As a global rule; before request().
  template <typename... Plugins>
  void use_plugins() {
    stream_->chains().set_global(plugins_.chain<Plugins...>());
  }

  plugin::ClientInfo client_;
  FakeClientExchange exchange_;
  FakeOpener opener_;
  std::unique_ptr<Stream> stream_;
  std::vector<std::pair<std::string, std::string>> fields_;
  bool upgrades_ = false;

 private:
  PluginsOfTest plugins_{loop_};
};

}  // namespace apisix::proxy
