// An event stream through a coder: what the node has sent is flushed when no more of it is at hand.
#include <memory>
#include <string>

#include "tests/unit/worker/proxy/forward_exchange_fixture.h"

namespace apisix::proxy {
namespace {

// Keeps everything until a flush.
class Gatherer final : public plugin::BodyCoder {
 public:
  std::string_view name() const override { return "gathered"; }
  bool encode(std::string_view data, bool flush, bool last, std::string& out) override {
    kept_ += data;
    if (!flush && !last) return true;
    out += kept_;
    kept_.clear();
    return true;
  }

 private:
  std::string kept_;
};

class GathererPlugin final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "gatherer", .priority = 50};
  explicit GathererPlugin(const plugin::Conf&) {}
  void header_filter(plugin::Request& request) override {
    request.response().set_coder(std::make_unique<Gatherer>());
  }
};

class ForwardFlushTest : public ForwardExchangeTest {
 protected:
  void begin() {
    open();
    use_plugins<GathererPlugin>();
    request();
    node().begin(node().head(200));
  }
};

TEST_F(ForwardFlushTest, HeadLeavesBeforeTheFirstEvent) {
  begin();
  node().content("");
  EXPECT_EQ(exchange_.status, 200);
  EXPECT_EQ(exchange_.body, "");
}

TEST_F(ForwardFlushTest, EventWithoutMoreAtHandLeavesAtOnce) {
  begin();
  node().content("one");
  EXPECT_EQ(exchange_.body, "one");
  node().content("two");
  EXPECT_EQ(exchange_.body, "onetwo");
}

// The rest of a read may be a chunk's end, or the beginning of the next one's size: no content.
TEST_F(ForwardFlushTest, EventInFrontOfWhatIsNoContentLeavesWithIt) {
  begin();
  node().content("one", false, /*more_at_hand=*/true);
  EXPECT_EQ(exchange_.body, "");
  node().content("");
  EXPECT_EQ(exchange_.body, "one");
  node().content("two", false, /*more_at_hand=*/true);
  node().content("three");
  EXPECT_EQ(exchange_.body, "onetwothree");
  node().content("", true);
  EXPECT_EQ(state(), Forward::State::kDone);
  EXPECT_EQ(exchange_.body, "onetwothree");
}

}  // namespace
}  // namespace apisix::proxy
