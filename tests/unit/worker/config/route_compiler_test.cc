// Objects in, a compiled route out: no store, no loop, no plugin is built.
#include "worker/config/route_compiler.h"

#include <gtest/gtest.h>

#include "worker/plugin/plugin.h"

namespace apisix::config {
namespace {

using format::Json;
using From = UpstreamSource::From;

class Nothing final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "nothing", .priority = 1};
  explicit Nothing(const plugin::Conf&) {}
};

const plugin::PluginKind& kNothing = plugin::define<Nothing>();

Json json(std::string_view text) {
  auto value = format::parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? std::move(*value) : Json();
}

PluginLayer layer(const std::string& resource, const std::vector<std::string>& names,
                  const std::vector<std::string>& missing = {},
                  const std::vector<std::string>& disabled = {}) {
  auto plugins = base::make_counted<SharedPlugins>();
  for (const std::string& name : names) {
    plugins->confs[name] = base::make_counted<plugin::PluginConf>(kNothing, Json(::Json::objectValue),
                                                                  resource, std::uint64_t{1});
  }
  plugins->missing = missing;
  plugins->disabled = disabled;
  return {resource, base::Ref<const SharedPlugins>(plugins.get())};
}

// "cors:/routes/1 ip-restriction:/services/1"
std::string plugins_of(const CompiledRoute& route) {
  std::string out;
  for (const auto& [name, conf] : route.plugins)
    out += (out.empty() ? "" : " ") + name + ":" + conf->resource();
  return out;
}

class RouteCompilerTest : public ::testing::Test {
 protected:
  base::Ref<const CompiledRoute> compile(std::string_view route, std::string_view service = "") {
    route_ = json(route);
    if (!service.empty()) {
      service_ = json(service);
      sources_.service_id = "s";
      sources_.service = &service_;
    }
    return compile_route(sources_);
  }

  Json route_;
  Json service_;
  RouteSources sources_{.id = "r", .route = route_};
};

TEST_F(RouteCompilerTest, ARouteByItselfHasItsNameAndNothingElse) {
  const auto route = compile(R"({"uri":"/","name":"hello"})");
  EXPECT_EQ(route->id, "r");
  EXPECT_EQ(route->name, "hello");
  EXPECT_EQ(route->service_id, "");
  EXPECT_EQ(route->service_name, "");
  EXPECT_FALSE(route->upstream);
  EXPECT_FALSE(route->timeouts);
  EXPECT_FALSE(route->enable_websocket);
  EXPECT_TRUE(route->plugins.empty());
  EXPECT_FALSE(route->runtime->chain);
  EXPECT_EQ(route->runtime->failure, 0);
}

TEST_F(RouteCompilerTest, TimeoutsAreReadInMilliseconds) {
  const auto route = compile(R"({"timeout":{"connect":1,"send":0.5,"read":3}})");
  ASSERT_TRUE(route->timeouts);
  EXPECT_EQ(route->timeouts->connect_ms, 1000U);
  EXPECT_EQ(route->timeouts->send_ms, 500U);
  EXPECT_EQ(route->timeouts->read_ms, 3000U);
}

TEST_F(RouteCompilerTest, TheServiceGivesItsIdAndName) {
  const auto route = compile(R"({"service_id":"s"})", R"({"name":"shop"})");
  EXPECT_EQ(route->service_id, "s");
  EXPECT_EQ(route->service_name, "shop");
  EXPECT_EQ(route->runtime->failure, 0);
}

TEST_F(RouteCompilerTest, AMissingServiceIs404AndNothingIsMerged) {
  sources_.service_id = "gone";
  sources_.layers = std::vector{layer("/routes/r", {"cors"})};
  const auto route = compile(R"({"service_id":"gone","name":"n","enable_websocket":true})");
  EXPECT_EQ(route->runtime->failure, 404);
  EXPECT_EQ(route->runtime->failure_reason, "failed to fetch service configuration by id: gone");
  EXPECT_EQ(route->name, "n");
  EXPECT_EQ(route->service_id, "");
  EXPECT_FALSE(route->enable_websocket);
  EXPECT_TRUE(route->plugins.empty());
}

TEST_F(RouteCompilerTest, WebsocketIsTheRoutesOwnWordElseTheServices) {
  const struct {
    const char* route;
    const char* service;
    bool enabled;
  } kCases[] = {
      {R"({})", R"({})", false},
      {R"({"enable_websocket":true})", R"({})", true},
      {R"({})", R"({"enable_websocket":true})", true},
      {R"({"enable_websocket":false})", R"({"enable_websocket":true})", false},
      {R"({"enable_websocket":true})", R"({"enable_websocket":false})", true},
      {R"({"enable_websocket":"true"})", R"({"enable_websocket":1})", false},
  };
  for (const auto& [route, service, enabled] : kCases)
    EXPECT_EQ(compile(route, service)->enable_websocket, enabled) << route << " of " << service;
}

TEST_F(RouteCompilerTest, TheUpstreamSlotIsSharedNotCopied) {
  const auto slot = base::make_counted<UpstreamSlot>();
  sources_.upstream = slot;
  EXPECT_EQ(compile(R"({"upstream_id":"1"})")->upstream, slot);
}

TEST_F(RouteCompilerTest, HigherLayersReplacePluginsOfLowerOnes) {
  sources_.layers =
      std::vector{layer("/services/s", {"cors", "ip-restriction"}),
                  layer("/plugin_configs/p", {"cors", "limit-req"}), layer("/routes/r", {"limit-req"})};
  EXPECT_EQ(plugins_of(*compile("{}")),
            "cors:/plugin_configs/p ip-restriction:/services/s limit-req:/routes/r");
}

TEST_F(RouteCompilerTest, ADisabledPluginTakesTheOneBelowAway) {
  sources_.layers =
      std::vector{layer("/services/s", {"cors", "limit-req"}), layer("/routes/r", {}, {}, {"cors"})};
  EXPECT_EQ(plugins_of(*compile("{}")), "limit-req:/services/s");
}

TEST_F(RouteCompilerTest, APluginThatIsNotBuiltInFailsClosed) {
  sources_.layers = std::vector{layer("/routes/r", {"cors"}, {"brotli2"})};
  const auto route = compile("{}");
  EXPECT_EQ(route->runtime->failure, 503);
  EXPECT_EQ(route->runtime->failure_reason,
            "route r names plugin brotli2, which this gateway does not have: it answers 503");
  EXPECT_TRUE(route->plugins.empty());
}

TEST_F(RouteCompilerTest, APluginThatIsNotBuiltInMayBeDisabledAbove) {
  sources_.layers =
      std::vector{layer("/services/s", {}, {"brotli2"}), layer("/routes/r", {}, {}, {"brotli2"})};
  EXPECT_EQ(compile("{}")->runtime->failure, 0);
}

TEST_F(RouteCompilerTest, LayersThatCannotBeReadFailClosedWithTheirReason) {
  sources_.layers = base::invalid("failed to fetch plugin config by id: p");
  const auto route = compile(R"({"name":"n"})");
  EXPECT_EQ(route->runtime->failure, 503);
  EXPECT_EQ(route->runtime->failure_reason, "failed to fetch plugin config by id: p");
  EXPECT_EQ(route->name, "n");
}

TEST_F(RouteCompilerTest, ALaterFailureReplacesTheReason) {
  const auto route = compile("{}");
  fail_route(*route, 503, "no chain");
  EXPECT_EQ(route->runtime->failure, 503);
  EXPECT_EQ(route->runtime->failure_reason, "no chain");
}

TEST_F(RouteCompilerTest, EveryCompilationHasARuntimeOfItsOwn) {
  const auto first = compile("{}");
  fail_route(*first, 503, "no chain");
  const auto second = compile("{}");
  EXPECT_NE(first->runtime, second->runtime);
  EXPECT_EQ(second->runtime->failure, 0);
}

TEST(UpstreamSource, TheRoutesWordComesFirstAndAnIdBeforeAnObject) {
  const struct {
    const char* route;
    const char* service;  // "": none
    UpstreamSource source;
  } kCases[] = {
      {R"({})", "", {From::kNowhere}},
      {R"({})", R"({})", {From::kNowhere}},
      {R"({"upstream_id":"1"})", "", {From::kStored, "1"}},
      {R"({"upstream_id":1})", "", {From::kStored, "1"}},
      {R"({"upstream":{}})", "", {From::kRoute}},
      {R"({"upstream_id":"1","upstream":{}})", "", {From::kStored, "1"}},
      {R"({})", R"({"upstream_id":"2"})", {From::kStored, "2"}},
      {R"({})", R"({"upstream":{}})", {From::kService}},
      {R"({"upstream":{}})", R"({"upstream_id":"2"})", {From::kRoute}},
      {R"({"upstream_id":"1"})", R"({"upstream":{}})", {From::kStored, "1"}},
      {R"({"upstream":"no object"})", R"({"upstream":{}})", {From::kService}},
  };
  for (const auto& [route, service, source] : kCases) {
    const Json of_service = *service != '\0' ? json(service) : Json();
    EXPECT_EQ(find_upstream_source(json(route), *service != '\0' ? &of_service : nullptr), source)
        << route << " of " << service;
  }
}

}  // namespace
}  // namespace apisix::config
