#include "worker/upstream/node_source.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/resolve/resolver_fixture.h"

namespace apisix::upstream {
namespace {

using State = NodeSource::State;

class NodeSourceTest : public testing::Test {
 protected:
  std::unique_ptr<NodeSource> make(const std::vector<ClusterNode>& nodes) {
    return NodeSource::make(nodes, fixture_.resolver.get());
  }
  static std::string usable(const NodeSource& source) {
    std::string out;
    for (const std::uint8_t one : source.usable()) out += one != 0 ? '1' : '0';
    return out;
  }

  resolve::ResolverFixture fixture_;
};

TEST_F(NodeSourceTest, LiteralAddressesAreStaticAndReady) {
  const auto source = make({{"10.0.0.1", 80}, {"2001:db8::1", 81}});
  EXPECT_TRUE(source->is_static());
  EXPECT_EQ(source->state(), State::kReady);
  EXPECT_EQ(usable(*source), "11");
  EXPECT_EQ(source->nodes()[1].host_port, "[2001:db8::1]:81");
}

TEST_F(NodeSourceTest, OfEqualNodesTheLastWeightCounts) {
  const auto source = make({{"10.0.0.1", 80, 1}, {"10.0.0.1", 80, 5}, {"10.0.0.1", 80, 2, 1}});
  ASSERT_EQ(source->nodes().size(), 2U) << "another priority is another node";
  EXPECT_EQ(source->nodes()[0].weight, 5U);
}

TEST_F(NodeSourceTest, ANameWithoutAResolverHasNoAddress) {
  const auto mixed = NodeSource::make({{"a.test", 80}, {"10.0.0.1", 80}}, nullptr);
  EXPECT_TRUE(mixed->is_static());
  EXPECT_EQ(mixed->state(), State::kReady);
  EXPECT_EQ(usable(*mixed), "01");
  EXPECT_EQ(NodeSource::make({{"a.test", 80}}, nullptr)->state(), State::kNoAddress);
}

TEST_F(NodeSourceTest, NamesAreResolvingUntilTheyAnswer) {
  const auto source = make({{"a.test", 80}, {"10.0.0.1", 80}});
  EXPECT_FALSE(source->is_static());
  source->refresh();
  EXPECT_EQ(source->state(), State::kResolving);
  const std::uint64_t before = source->version();
  fixture_.dns->reply_with({"10.0.0.2"}, 300);
  fixture_.run();
  source->refresh();
  EXPECT_EQ(source->state(), State::kReady);
  EXPECT_EQ(usable(*source), "11");
  EXPECT_GT(source->version(), before);
}

TEST_F(NodeSourceTest, ANameThatDoesNotExistIsNotUsable) {
  const auto alone = make({{"gone.test", 80}});
  const auto mixed = make({{"gone.test", 80}, {"10.0.0.1", 80}});
  fixture_.dns->fail(resolve::DnsReply::Kind::kNoName);
  fixture_.run();
  alone->refresh();
  mixed->refresh();
  EXPECT_EQ(alone->state(), State::kNoAddress);
  EXPECT_EQ(mixed->state(), State::kReady);
  EXPECT_EQ(usable(*mixed), "01");
}

TEST_F(NodeSourceTest, TheVersionStaysWhileNothingIsDifferent) {
  const auto source = make({{"a.test", 80}});
  fixture_.dns->reply_with({"10.0.0.2"}, 300);
  fixture_.run();
  source->refresh();
  const std::uint64_t version = source->version();
  for (int i = 0; i < 3; ++i) source->refresh();
  EXPECT_EQ(source->version(), version);
}

TEST_F(NodeSourceTest, AWaitEndsWhenPatienceIsOverAndOthersAreThere) {
  const auto source = make({{"slow.test", 80}, {"10.0.0.1", 80}});
  source->refresh();
  int calls = 0;
  ClusterWait wait({[](void* count) { ++*static_cast<int*>(count); }, &calls});
  source->wait(wait);
  fixture_.advance_ms(400);
  EXPECT_EQ(calls, 0);
  fixture_.advance_ms(200);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(source->state(), State::kReady);
  EXPECT_EQ(usable(*source), "01");
}

TEST_F(NodeSourceTest, AWaitThatIsDestroyedIsNotCalled) {
  const auto source = make({{"a.test", 80}});
  source->refresh();
  int calls = 0;
  {
    ClusterWait wait({[](void* count) { ++*static_cast<int*>(count); }, &calls});
    source->wait(wait);
  }
  fixture_.dns->reply_with({"10.0.0.2"}, 300);
  fixture_.run();
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace apisix::upstream
