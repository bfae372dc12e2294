// Which upstream serves a request, and what a hashing balancer hashes of it.
#include "worker/proxy/chosen_upstream.h"

#include "shared/base/random.h"
#include "tests/unit/worker/proxy/request_fixture.h"

namespace apisix::proxy {
namespace {

class ChosenUpstreamTest : public RequestTest {
 protected:
  static base::Ref<const config::CompiledUpstream> upstream(std::string_view scheme) {
    auto made = std::make_unique<config::CompiledUpstream>();
    made->scheme = scheme;
    return base::Ref<const config::CompiledUpstream>(made.release());
  }
  static base::Ref<config::UpstreamSlot> slot(std::string_view scheme) {
    auto made = base::make_counted<config::UpstreamSlot>();
    made->current = upstream(scheme);
    return made;
  }
  void override_with(const base::Ref<config::UpstreamSlot>& chosen) {
    request_.upstream.chosen = base::Ref<plugin::UpstreamHandle>(chosen.get());
  }
  std::string chosen() const {
    const ChosenUpstream found = choose_upstream(request_, route_);
    return found.upstream ? found.upstream->scheme
                          : std::to_string(found.status) + " " + std::string(found.why);
  }

  config::CompiledRoute route_;
};

TEST_F(ChosenUpstreamTest, IsTheRoutes) {
  route_.upstream = slot("http");
  EXPECT_EQ(chosen(), "http");
}

TEST_F(ChosenUpstreamTest, IsAPluginsOverTheRoutes) {
  route_.upstream = slot("http");
  override_with(slot("grpc"));
  EXPECT_EQ(chosen(), "grpc");
}

TEST_F(ChosenUpstreamTest, IsAPluginsWhereTheRouteHasNone) {
  override_with(slot("grpc"));
  EXPECT_EQ(chosen(), "grpc");
}

TEST_F(ChosenUpstreamTest, IsTheCurrentVersionOfASharedOne) {
  route_.upstream = slot("http");
  route_.upstream->current = upstream("https");
  EXPECT_EQ(chosen(), "https");
}

// APISIX's statuses and words.
TEST_F(ChosenUpstreamTest, WithoutAnyIs503) {
  EXPECT_EQ(chosen(), "503 missing upstream configuration in Route or Service");
}

TEST_F(ChosenUpstreamTest, WhoseObjectIsMissingIs502) {
  route_.upstream = base::make_counted<config::UpstreamSlot>();
  EXPECT_EQ(chosen(), "502 failed to find upstream by id");
}

TEST_F(ChosenUpstreamTest, OfAPluginWhoseObjectIsMissingIsNotTheRoutes) {
  route_.upstream = slot("http");
  override_with(base::make_counted<config::UpstreamSlot>());
  EXPECT_EQ(chosen(), "502 failed to find upstream by id");
}

// --- the hash key

class HashKeyOfTest : public RequestTest {
 protected:
  std::string key_of(const upstream::ClusterConfig& config) {
    base::Random random(1);
    upstream::LoadRegistry loads;
    const upstream::ClusterDeps deps{.random = random, .loads = loads};
    const auto cluster = upstream::Cluster::make(config, deps, 1);
    return std::string(hash_key_of(*cluster, request_));
  }
  static upstream::ClusterConfig chash(upstream::HashOn on, std::string key) {
    upstream::ClusterConfig config;
    config.type = "chash";
    config.hash_on = on;
    config.key = std::move(key);
    config.nodes = {{"127.0.0.1", 1}, {"127.0.0.1", 2}};
    return config;
  }
};

TEST_F(HashKeyOfTest, IsEmptyForBalancersThatDoNotHash) {
  receive("/a");
  request_.target.path = "/a";
  upstream::ClusterConfig config = chash(upstream::HashOn::kVars, "uri");
  config.type = "roundrobin";
  EXPECT_EQ(key_of(config), "");
}

TEST_F(HashKeyOfTest, IsAVariable) {
  receive("/a?x=1");
  request_.target.path = "/a";
  request_.target.args = "x=1";
  EXPECT_EQ(key_of(chash(upstream::HashOn::kVars, "uri")), "/a");
  EXPECT_EQ(key_of(chash(upstream::HashOn::kVars, "arg_x")), "1");
}

TEST_F(HashKeyOfTest, IsAHeaderFieldOrACookie) {
  receive("/a", "Host: a\r\nX-User: jack\r\nCookie: sid=7\r\n");
  EXPECT_EQ(key_of(chash(upstream::HashOn::kHeader, "X-User")), "jack");
  EXPECT_EQ(key_of(chash(upstream::HashOn::kCookie, "sid")), "7");
}

TEST_F(HashKeyOfTest, IsACombinationOfVariables) {
  receive("/a?x=1");
  request_.target.path = "/a";
  request_.target.args = "x=1";
  EXPECT_EQ(key_of(chash(upstream::HashOn::kVarsCombinations, "$uri-$arg_x")), "/a-1");
}

// APISIX hashes the client's address when the key is not there.
TEST_F(HashKeyOfTest, IsTheClientsAddressWithoutAValue) {
  receive("/a");
  EXPECT_EQ(key_of(chash(upstream::HashOn::kHeader, "X-User")), "192.0.2.1");
}

}  // namespace
}  // namespace apisix::proxy
