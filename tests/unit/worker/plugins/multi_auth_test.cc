// multi-auth in a chain, with plugins to try that set fields for the upstream.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/worker/plugin/deps_fixture.h"
#include "worker/plugin/chain.h"

namespace apisix::plugins {

extern const plugin::PluginKind& multi_auth;

namespace {

using plugin::PluginConf;

constexpr std::array<std::string_view, 1> kFields = {"X-Token-Info"};

// Lets every request pass.
class Tried : public plugin::Plugin {
 public:
  explicit Tried(const plugin::Conf& conf) : names_(conf.list("names")) {}
  plugin::Step rewrite(plugin::Request&) override { return plugin::pass(); }
  std::span<const std::string> upstream_headers() const override { return names_; }

 private:
  const std::vector<std::string> names_;
};
class FirstTried final : public Tried {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "first-tried", .priority = 2, .is_auth = true, .upstream_headers = kFields};
  using Tried::Tried;
};
class SecondTried final : public Tried {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "second-tried", .priority = 1, .is_auth = true};
  using Tried::Tried;
};

TEST(MultiAuth, DeclaresTheFieldsOfThePluginsThatItTries) {
  const std::array<const plugin::PluginKind*, 3> kinds = {&multi_auth, &plugin::define<FirstTried>(),
                                                          &plugin::define<SecondTried>()};
  plugin::DepsFixture shared(kinds);
  const auto conf = base::make_counted<PluginConf>(
      multi_auth,
      *format::parse_json(
          R"({"auth_plugins": [{"first-tried": {}}, {"second-tried": {"names": ["X-Role", "X-Team"]}}]})"),
      "/routes/1", 1);
  const auto chain = plugin::Chain::make(shared.deps, {{"multi-auth", conf}});
  ASSERT_TRUE(chain);

  base::Arena arena;
  plugin::RequestState request(arena, shared.loop.clock());
  request.head = arena.make<http::RequestHead>();
  for (const char* name : {"x_token_info", "X-Role", "X.Team", "X-Other"}) {
    request.head->headers.add(arena, name, "forged");
  }
  plugin::ChainRun run(request);
  run.set_route(*chain);
  EXPECT_EQ(run.run_route(plugin::Phase::kRewrite, [](void*) {}, nullptr), plugin::ChainRun::Result::kPass);
  ASSERT_EQ(request.head->headers.size(), 1u);
  EXPECT_TRUE(run.declares("X-Team"));
  EXPECT_EQ(plugin::RequestHeaders(request).joined("X-Other"), "forged");
}

}  // namespace
}  // namespace apisix::plugins
