// Chains and their runs, with plugins that write down what happens to them.
#include "worker/plugin/chain.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/async/awaiters.h"
#include "tests/unit/worker/plugin/deps_fixture.h"

namespace apisix::plugin {
namespace {

std::vector<std::string>& diary() {
  static std::vector<std::string> lines;
  return lines;
}

// conf: {"tag": name in the diary, "answer": status of its answer in rewrite, "sleep": waits first}
class Witness : public Plugin {
 public:
  explicit Witness(const Conf& conf)
      : tag_(conf.text("tag")), answer_(conf.number<int>("answer")), sleeps_(conf.flag("sleep")) {}

  Step rewrite(Request& request) override {
    if (sleeps_) return wait(request);
    return finish(request);
  }
  void log(Request&) override { diary().push_back(tag_ + " log"); }

 private:
  Step wait(Request& request) {
    co_await request.sleep_ms(1);
    co_return finish(request);
  }
  Outcome finish(Request& request) {
    diary().push_back(tag_);
    if (answer_ == 0) return pass();
    return request.reject(static_cast<std::uint16_t>(answer_), "its own words");
  }

  std::string tag_;
  int answer_;
  bool sleeps_;
};

class High final : public Witness {
 public:
  static constexpr PluginInfo kInfo{.name = "high", .priority = 100};
  using Witness::Witness;
};
class Low final : public Witness {
 public:
  static constexpr PluginInfo kInfo{.name = "low", .priority = 1, .prefers_route = true};
  using Witness::Witness;
};
class Doubler final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{.name = "doubler", .priority = 5};
  explicit Doubler(const Conf&) {}
  void header_filter(Request& request) override { request.response().will_change_body(); }
  void body_filter(Request&, Body& body) override {
    const std::string_view data = body.data();
    std::string& out = body.output();
    out.append(data).append(data);
  }
};

class RequestDoubler final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{.name = "request-doubler", .priority = 5};
  explicit RequestDoubler(const Conf&) {}
  void request_body_filter(Request&, Body& body) override {
    const std::string_view data = body.data();
    body.output().append(data).append(data);
  }
};

// Keeps the body until it is whole, then lets it out letter by letter.
class Slicer final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{.name = "slicer", .priority = 6};
  explicit Slicer(const Conf&) {}
  void header_filter(Request& request) override { request.response().will_change_body(); }
  void body_filter(Request&, Body& body) override {
    held_.append(body.data());
    std::string& out = body.output();
    if (!body.last()) return;
    out += held_.substr(0, 1);
    held_.erase(0, 1);
    held_.empty() ? body.finish() : body.again();
  }

 private:
  std::string held_;
};
// Writes down what it sees.
class Looker final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{.name = "looker", .priority = 2};
  explicit Looker(const Conf&) {}
  void body_filter(Request&, Body& body) override {
    diary().push_back(std::string(body.data()) + (body.last() ? "." : ""));
  }
};

// Sets a field for the upstream, and one that its configuration names.
class Declarer final : public Plugin {
 public:
  static constexpr std::array<std::string_view, 1> kHeaders = {"X-Trusted-Info"};
  static constexpr PluginInfo kInfo{.name = "declarer", .priority = 50, .upstream_headers = kHeaders};
  explicit Declarer(const Conf& conf) : names_(conf.list("names")) {}
  std::span<const std::string> upstream_headers() const override { return names_; }

 private:
  const std::vector<std::string> names_;
};
class Identifier final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{.name = "identifier", .priority = 60, .is_auth = true};
  explicit Identifier(const Conf&) {}
  Step rewrite(Request&) override { return pass(); }
};

constexpr const PluginKind& kDeclarer = define<Declarer>();
constexpr const PluginKind& kIdentifier = define<Identifier>();
constexpr const PluginKind& kSlicer = define<Slicer>();
constexpr const PluginKind& kLooker = define<Looker>();
constexpr const PluginKind& kHigh = define<High>();
constexpr const PluginKind& kLow = define<Low>();
constexpr const PluginKind& kDoubler = define<Doubler>();
constexpr const PluginKind& kRequestDoubler = define<RequestDoubler>();

class ChainTest : public ::testing::Test, public RequestIo {
 protected:
  ChainTest() : request_(arena_, loop_.clock()) {
    diary().clear();
    request_.head = arena_.make<http::RequestHead>();
    request_.io = this;
  }

  async::Task<BodyRead> read_body(std::size_t) override { co_return BodyRead{}; }
  async::Task<bool> replace_body(std::string) override { co_return false; }
  async::Task<void> read_body_fields() override { co_return; }
  async::Task<std::string_view> read_body_start(std::size_t) override { co_return std::string_view{}; }
  event::Loop& loop() override { return loop_; }

  base::Ref<PluginConf> conf(const PluginKind& kind, const std::string& json) {
    return base::make_counted<PluginConf>(kind, *format::parse_json(json), "/routes/1", 1);
  }
  base::Ref<const Chain> chain(PluginConfs confs, const PluginConfs* without_consumer = nullptr) {
    return *Chain::make(shared_.deps, confs, without_consumer);
  }
  ChainRun::Result rewrite() { return rewrite(run_); }
  ChainRun::Result rewrite(ChainRun& run) {
    return run.run_route(Phase::kRewrite, [](void* self) { ++static_cast<ChainTest*>(self)->woken_; }, this);
  }
  void turn_beyond_the_sleep() {
    bool fired = false;
    event::Timer later(loop_.timers(), [](void* flag) { *static_cast<bool*>(flag) = true; }, &fired);
    later.set_after_ms(4 * event::TimerWheel::kTickMs);
    while (!fired) loop_.run_once(100);
  }

  DepsFixture shared_;
  event::Loop& loop_ = shared_.loop;
  base::Arena arena_;
  RequestState request_;
  ChainRun run_{request_};
  int woken_ = 0;
};

using Diary = std::vector<std::string>;

TEST_F(ChainTest, HoldsOnlyHooksThatExist) {
  const auto made = chain({{"high", conf(kHigh, "{}")}, {"doubler", conf(kDoubler, "{}")}});
  EXPECT_EQ(made->hooks(Phase::kRewrite).size(), 1u);
  EXPECT_EQ(made->hooks(Phase::kBodyFilter).size(), 1u);
  EXPECT_EQ(made->hooks(Phase::kLog).size(), 1u);
  EXPECT_FALSE(made->has(Phase::kAccess));
}

TEST_F(ChainTest, RunsByPriorityAndByMetaPriority) {
  run_.set_route(
      chain({{"high", conf(kHigh, R"({"tag":"high"})")}, {"low", conf(kLow, R"({"tag":"low"})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(diary(), (Diary{"high", "low"}));
  diary().clear();
  run_.set_route(chain({{"high", conf(kHigh, R"({"tag":"high"})")},
                        {"low", conf(kLow, R"({"tag":"low","_meta":{"priority":1000}})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(diary(), (Diary{"low", "high"}));
}

TEST_F(ChainTest, AResponseEndsThePhase) {
  run_.set_route(chain(
      {{"high", conf(kHigh, R"({"tag":"high","answer":403})")}, {"low", conf(kLow, R"({"tag":"low"})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kRespond);
  EXPECT_EQ(request_.direct_response.status, 403);
  EXPECT_EQ(request_.direct_response.body, "its own words");
  EXPECT_EQ(diary(), (Diary{"high"}));
}

TEST_F(ChainTest, MetaErrorResponseHidesTheWords) {
  run_.set_route(
      chain({{"high", conf(kHigh, R"({"tag":"h","answer":403,"_meta":{"error_response":{"a":1}}})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kRespond);
  EXPECT_EQ(request_.direct_response.body, "{\"a\":1}\n");
}

TEST_F(ChainTest, AHookThatWaitsIsResumed) {
  run_.set_route(chain(
      {{"high", conf(kHigh, R"({"tag":"high","sleep":true})")}, {"low", conf(kLow, R"({"tag":"low"})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kWait);
  EXPECT_TRUE(diary().empty());
  while (woken_ == 0) loop_.run_once(100);
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(diary(), (Diary{"high", "low"}));
}

// The hook sleeps for 1 ms: the loop turns until a later timer has fired, so that a hook that still waits
// would run.
TEST_F(ChainTest, CancellingAWaitingHookForgetsIt) {
  run_.set_route(chain({{"high", conf(kHigh, R"({"tag":"high","sleep":true})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kWait);
  run_.cancel();
  turn_beyond_the_sleep();
  EXPECT_EQ(woken_, 0);
  EXPECT_EQ(diary(), Diary{});
}

TEST_F(ChainTest, DestroyingARunWithAWaitingHookForgetsIt) {
  auto run = std::make_unique<ChainRun>(request_);
  run->set_route(chain({{"high", conf(kHigh, R"({"tag":"high","sleep":true})")}}));
  EXPECT_EQ(rewrite(*run), ChainRun::Result::kWait);
  run.reset();
  turn_beyond_the_sleep();
  EXPECT_EQ(woken_, 0);
  EXPECT_EQ(diary(), Diary{});
}

TEST_F(ChainTest, OnlyWhatTheConsumerBroughtIsRewrittenAgain) {
  const PluginConfs before{{"high", conf(kHigh, R"({"tag":"high"})")}};
  PluginConfs merged = before;
  merged["low"] = conf(kLow, R"({"tag":"low"})");
  run_.set_route(chain(merged, &before));
  EXPECT_EQ(run_.run_consumers_rewrite([](void*) {}, nullptr), ChainRun::Result::kPass);
  EXPECT_EQ(diary(), (Diary{"low"}));
}

TEST_F(ChainTest, AGlobalPluginThatPrefersTheRouteStepsBack) {
  run_.set_global(chain({{"low", conf(kLow, R"({"tag":"global"})")}}));
  run_.set_route(chain({{"low", conf(kLow, R"({"tag":"route"})")}}));
  run_.log();
  EXPECT_EQ(diary(), (Diary{"route log"}));
}

// What the client sent, by name.
Diary names_of(const http::HeaderMap& headers) {
  Diary names;
  for (const http::HeaderField& field : headers) names.emplace_back(field.name);
  return names;
}

TEST_F(ChainTest, DeclaredFieldsOfTheClientAreRemovedBeforeTheFirstHook) {
  for (const char* name :
       {"X-Trusted-Info", "x_trusted_info", "X-Own", "x_OWN", "X-Other", "X-Trusted-Inf"}) {
    request_.head->headers.add(arena_, name, "forged");
  }
  run_.set_route(chain({{"declarer", conf(kDeclarer, R"({"names":["X-Own"]})")}}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(names_of(request_.head->headers), (Diary{"X-Other", "X-Trusted-Inf"}));
  EXPECT_TRUE(run_.declares("X.Own"));
  EXPECT_FALSE(run_.declares("X-Other"));
}

TEST_F(ChainTest, DeclaredFieldsAreRemovedForAPluginThatItsFilterSkips) {
  request_.head->headers.add(arena_, "X_Consumer_Username", "forged");
  request_.head->headers.add(arena_, "X-Trusted-Info", "forged");
  run_.set_global(chain({{"high", conf(kHigh, R"({"tag":"high"})")}}));
  run_.set_route(chain({{"identifier", conf(kIdentifier, R"({"_meta":{"filter":[["arg_login","==","1"]]}})")},
                        {"declarer", conf(kDeclarer, R"({"_meta":{"filter":[["arg_login","==","1"]]}})")}}));
  EXPECT_EQ(run_.run_global(Phase::kRewrite, [](void*) {}, nullptr), ChainRun::Result::kPass);
  // Of the route too, before a global rule runs; who the consumer is, an auth plugin may still read.
  EXPECT_EQ(names_of(request_.head->headers), (Diary{"X_Consumer_Username"}));
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(names_of(request_.head->headers), Diary{});
}

TEST_F(ChainTest, OnlyNewFieldsOfTheConsumersPluginsAreRemoved) {
  const PluginConfs before{{"identifier", conf(kIdentifier, "{}")}};
  run_.set_route(chain(before));
  request_.head->headers.add(arena_, "x-trusted-info", "forged");
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(names_of(request_.head->headers), (Diary{"x-trusted-info"}));
  RequestHeaders(request_).set_identity("X-Consumer-Username", "of the gateway");
  PluginConfs merged = before;
  merged["declarer"] = conf(kDeclarer, R"({"names":["X-Consumer-Username"]})");
  run_.set_route(chain(merged, &before));
  EXPECT_EQ(run_.run_consumers_rewrite([](void*) {}, nullptr), ChainRun::Result::kPass);
  EXPECT_EQ(names_of(request_.head->headers), (Diary{"X-Consumer-Username"}));
}

// A consumer's configuration of a plugin replaces the route's.
TEST_F(ChainTest, FieldsThatOnlyTheReplacedConfigurationDeclaresAreRemoved) {
  const PluginConfs before{{"declarer", conf(kDeclarer, R"({"names":["X-Routes"]})")}};
  PluginConfs merged{{"declarer", conf(kDeclarer, R"({"names":["X-Consumers"]})")}};
  const auto made = chain(merged, &before);
  request_.head->headers.add(arena_, "x_routes", "forged");
  run_.set_route(made);
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  EXPECT_EQ(names_of(request_.head->headers), Diary{});
  for (const char* name : {"X-Routes", "X-Consumers", "X-Trusted-Info"}) {
    EXPECT_TRUE(run_.declares(name)) << name;  // in trailers
  }
}

TEST_F(ChainTest, FieldsOfAPluginThatTheConsumerTurnsOffStayDeclared) {
  const PluginConfs before{{"declarer", conf(kDeclarer, R"({"names":["X-Routes"]})")},
                           {"high", conf(kHigh, "{}")}};
  const auto made = chain({{"high", before.find("high")->second}}, &before);
  EXPECT_TRUE(made->declares("X-Routes"));
  EXPECT_TRUE(made->declares("X-Trusted-Info"));
}

TEST_F(ChainTest, FieldsThatOnlyTheReplacingConfigurationDeclaresAreRemovedBehindTheRoutes) {
  const PluginConfs before{{"declarer", conf(kDeclarer, R"({"names":["X-Routes"]})")}};
  run_.set_route(chain(before));
  request_.head->headers.add(arena_, "X_Consumers", "forged");
  EXPECT_EQ(rewrite(), ChainRun::Result::kPass);
  RequestHeaders(request_).set_identity("X-Routes", "of the gateway");
  run_.set_route(chain({{"declarer", conf(kDeclarer, R"({"names":["X-Consumers"]})")}}, &before));
  EXPECT_EQ(run_.run_consumers_rewrite([](void*) {}, nullptr), ChainRun::Result::kPass);
  EXPECT_EQ(names_of(request_.head->headers), (Diary{"X-Routes"}));
}

TEST_F(ChainTest, BodyFiltersFollowEachOther) {
  run_.set_global(chain({{"doubler", conf(kDoubler, "{}")}}));
  run_.set_route(chain({{"doubler", conf(kDoubler, "{}")}}));
  run_.filter_header();
  EXPECT_TRUE(request_.response.body_changes);
  Body body;
  body.begin("ab", true);
  run_.filter_body(body);
  EXPECT_EQ(body.data(), "abababab");
}

TEST_F(ChainTest, ABodyFilterMayAskForMoreTurns) {
  run_.set_route(chain({{"slicer", conf(kSlicer, "{}")}, {"looker", conf(kLooker, "{}")}}));
  run_.filter_header();
  Body body;
  body.begin("ab", false);
  run_.filter_body(body);
  EXPECT_FALSE(body.is_unfinished());
  EXPECT_EQ(diary(), Diary{});  // nothing came that far
  body.begin("c", true);
  run_.filter_body(body);
  EXPECT_TRUE(body.is_unfinished());
  EXPECT_FALSE(body.last());
  run_.filter_body(body);
  EXPECT_TRUE(body.is_unfinished());
  run_.filter_body(body);
  EXPECT_FALSE(body.is_unfinished());
  EXPECT_TRUE(body.last());
  EXPECT_EQ(diary(), (Diary{"a", "b", "c."}));
}

TEST_F(ChainTest, TheLastOfTwoUnfinishedBodyFiltersGoesOnFirst) {
  run_.set_global(chain({{"slicer", conf(kSlicer, "{}")}}));
  run_.set_route(chain({{"slicer", conf(kSlicer, "{}")}, {"looker", conf(kLooker, "{}")}}));
  run_.filter_header();
  Body body;
  body.begin("abc", true);
  run_.filter_body(body);
  for (int turns = 0; body.is_unfinished() && turns < 10; ++turns) run_.filter_body(body);
  EXPECT_TRUE(body.last());
  EXPECT_EQ(diary(), (Diary{"a", "b", "c."}));
}

TEST_F(ChainTest, RequestBodyFiltersFollowEachOther) {
  run_.set_global(chain({{"request-doubler", conf(kRequestDoubler, "{}")}}));
  EXPECT_TRUE(run_.has(Phase::kRequestBodyFilter));
  EXPECT_TRUE(run_.filters_request_body());
  run_.set_route(chain({{"request-doubler", conf(kRequestDoubler, "{}")}}));
  Body body;
  body.begin("ab", true);
  run_.filter_request_body(body);
  EXPECT_EQ(body.data(), "abababab");
  EXPECT_TRUE(body.last());
}

TEST_F(ChainTest, RequestBodyFilterThatItsConditionSkipsDoesNotRun) {
  run_.set_route(chain(
      {{"request-doubler", conf(kRequestDoubler, R"({"_meta":{"filter":[["arg_double","==","1"]]}})")}}));
  EXPECT_TRUE(run_.has(Phase::kRequestBodyFilter));
  EXPECT_FALSE(run_.filters_request_body());
  Body body;
  body.begin("ab", true);
  run_.filter_request_body(body);
  EXPECT_EQ(body.data(), "ab");
}

TEST_F(ChainTest, ABodyThatWasNotAnnouncedToChangeDoesNot) {
  run_.set_route(chain({{"doubler", conf(kDoubler, "{}")}}));
  Body body;
  body.begin("ab", true);
  run_.filter_body(body);
  EXPECT_EQ(body.data(), "ab");
}

TEST(Body, APluginMayEndIt) {
  Body body;
  body.begin("ab", false, true);
  EXPECT_TRUE(body.flush());
  body.replace("xyz");
  body.finish();
  EXPECT_FALSE(body.last());  // its own view does not change
  body.end_filter(true);
  EXPECT_TRUE(body.last());
  EXPECT_EQ(body.data(), "xyz");
  body.begin("cd", false);
  body.finish();
  body.end_filter(/*may_change=*/false);
  EXPECT_FALSE(body.last());  // its length was promised to the client
}

}  // namespace
}  // namespace apisix::plugin
