// Trailers that plugins read and set, both ways.
#include "worker/proxy/trailers.h"

#include "tests/unit/worker/proxy/forward_exchange_fixture.h"
#include "worker/plugin/plugin.h"

namespace apisix::proxy {
namespace {

using http::Framing;

std::string text_of(std::optional<std::string_view> value) {
  return std::string(value.value_or("(none)"));
}

// Says how many bytes the request's body had, and what the client said of it.
class RequestSummer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "request-summer", .priority = 50};
  explicit RequestSummer(const plugin::Conf&) {}
  void request_body_filter(plugin::Request& request, plugin::Body& body) override {
    auto& bytes = request.state<std::size_t>(this);
    bytes += body.data().size();
    plugin::Trailers trailers = request.body().trailers();
    if (body.last()) trailers.set("X-T", fmt::format("{} {}", bytes, text_of(trailers.find("X-Client"))));
  }
};

// The same of the response, without a change of the body.
class ResponseSummer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "response-summer", .priority = 40};
  explicit ResponseSummer(const plugin::Conf&) {}
  void body_filter(plugin::Request& request, plugin::Body& body) override {
    auto& bytes = request.state<std::size_t>(this);
    bytes += body.data().size();
    plugin::Trailers trailers = request.response().trailers();
    if (body.last()) trailers.set("X-T", fmt::format("{} {}", bytes, text_of(trailers.find("X-Node"))));
  }
};

class ResponseChanger final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "response-changer", .priority = 30};
  explicit ResponseChanger(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override { request.response().will_change_body(); }
  void body_filter(plugin::Request&, plugin::Body& body) override { body.replace("other"); }
};

// Before anything of the bodies is known.
class Early final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "early", .priority = 20};
  explicit Early(const plugin::Conf&) {}
  plugin::Step rewrite(plugin::Request& request) override {
    request.body().trailers().set("X-T", "early");
    return plugin::pass();
  }
  void header_filter(plugin::Request& request) override { request.response().trailers().set("X-T", "early"); }
};

class TrailersTest : public ForwardExchangeTest {
 protected:
  template <typename... Plugins>
  void open_with(int nodes = 1) {
    open(nodes);
    use_plugins<Plugins...>();
  }
  // A response in two pieces with a trailer of the node.
  void respond(std::string_view name = "X-Node", std::string_view value = "n") {
    sent_.add(arena_, name, value);
    node().begin(node().head(200));
    node().content("ab");
    node().content("c", true, false, &sent_);
  }

  base::Arena arena_;
  http::HeaderMap sent_;
};

TEST_F(TrailersTest, FilterOfTheRequestReadsAndSetsThemWithTheLastPiece) {
  open_with<RequestSummer>(2);
  exchange_.give("ab");
  exchange_.trailers.add(arena_, "X-Client", "c");
  request("PUT", Framing::kChunked);
  exchange_.give_end();
  more_content("c");
  EXPECT_EQ(node().trailer, "3 c");
  node(0).break_off();
  EXPECT_EQ(node(1).trailer, "3 c");
  EXPECT_EQ(node(1).framing, Framing::kChunked);
}

TEST_F(TrailersTest, RequestThatNoPluginFiltersCarriesThemToo) {
  open_with<Early>();
  exchange_.give("ab");
  exchange_.give_end();
  request("PUT", Framing::kChunked);
  EXPECT_EQ(node().trailer, "early");
}

TEST_F(TrailersTest, RequestWithoutABodyHasNone) {
  open_with<Early>();
  request();
  EXPECT_EQ(node().trailer, "");
}

TEST_F(TrailersTest, FilterOfTheResponseReadsAndSetsThemWithTheLastPiece) {
  open_with<ResponseSummer>();
  request();
  respond();
  EXPECT_EQ(exchange_.body, "abc");
  EXPECT_EQ(exchange_.trailer("X-T"), "3 n");
  EXPECT_EQ(exchange_.trailer("X-Node"), "n");
}

TEST_F(TrailersTest, ResponseThatNoPluginFiltersCarriesThemToo) {
  open_with<Early>();
  request();
  respond("x_t", "of the node");
  EXPECT_EQ(exchange_.trailer("X-T"), "early");
  EXPECT_EQ(exchange_.trailer("x_t"), "");
}

TEST_F(TrailersTest, DigestOfABodyThatPluginsChangedIsDropped) {
  open_with<ResponseChanger>();
  request();
  respond("Content-Digest", "sha-256=:x:");
  EXPECT_TRUE(exchange_.response_trailers.empty());
}

}  // namespace
}  // namespace apisix::proxy
