// Chains of sessions, with plugins that write down what happens to them.
#include "worker/plugin/stream_chain.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/net/tls_info.h"
#include "tests/unit/worker/plugin/deps_fixture.h"
#include "worker/plugin/chain.h"

namespace apisix::plugin {
namespace {

using Diary = std::vector<std::string>;

Diary& diary() {
  static Diary lines;
  return lines;
}

class ForRequests : public Plugin {
 public:
  explicit ForRequests(const Conf&) {}
  Step rewrite(Request&) override { return pass(); }
};
class High final : public ForRequests {
 public:
  static constexpr PluginInfo kInfo{.name = "high", .priority = 10};
  using ForRequests::ForRequests;
};
class Low final : public ForRequests {
 public:
  static constexpr PluginInfo kInfo{.name = "low", .priority = -10};
  using ForRequests::ForRequests;
};
class RequestsOnly final : public ForRequests {
 public:
  static constexpr PluginInfo kInfo{.name = "requests-only", .priority = 5};
  using ForRequests::ForRequests;
};

// conf: {"refuse": status, "sleep": waits first}
class Witness : public StreamPlugin {
 public:
  Witness(const Conf& conf, const BuildContext& context)
      : name_(context.plugin), refuse_(conf.number<std::uint16_t>("refuse")), sleeps_(conf.flag("sleep")) {}

  Step preread(StreamSession& session) override {
    ++session.state<int>(this);
    return sleeps_ ? wait(session) : finish(session);
  }
  void log(StreamSession& session) override {
    diary().push_back(name_ + " log " + std::to_string(session.state<int>(this)));
  }

 private:
  Step wait(StreamSession& session) {
    co_await session.sleep_ms(1);
    diary().push_back(std::string(co_await session.read_first(2)));
    co_return finish(session);
  }
  Outcome finish(StreamSession& session) {
    diary().push_back(name_);
    return refuse_ == 0 ? pass() : session.refuse(refuse_);
  }

  const std::string name_;
  const std::uint16_t refuse_;
  const bool sleeps_;
};
class OnlyLogs final : public StreamPlugin {
 public:
  explicit OnlyLogs(const Conf&) {}
  void log(StreamSession&) override { diary().push_back("only logs"); }
};
class Unbuildable final : public StreamPlugin {
 public:
  static base::Result<base::Ref<StreamPlugin>> make(const Conf&, const BuildContext&) {
    return base::invalid("no file");
  }
  void log(StreamSession&) override {}
};

constexpr const PluginKind& kHigh = define<High, Witness>();
constexpr const PluginKind& kLow = define<Low, Witness>();
constexpr const PluginKind& kOnlyLogs = define<Low, OnlyLogs>();
constexpr const PluginKind& kUnbuildable = define<Low, Unbuildable>();
constexpr const PluginKind& kRequestsOnly = define<RequestsOnly>();

static_assert(kHigh.has_stream_form() && kHigh.has(StreamPhase::kPreread) && kHigh.has(Phase::kRewrite));
static_assert(!kOnlyLogs.has(StreamPhase::kPreread));
static_assert(!kRequestsOnly.has_stream_form());

class StreamChainTest : public ::testing::Test, public StreamIo {
 protected:
  StreamChainTest() : session_(arena_, shared_.loop.clock()) {
    diary().clear();
    session_.io = this;
    session_.client = {*base::IpAddress::parse("192.0.2.7"), 4711};
  }

  async::Task<std::string_view> read_first(std::size_t bytes_min) override {
    co_return std::string_view("\x10\x0d...").substr(0, bytes_min);
  }
  event::Loop& loop() override { return shared_.loop; }

  base::Ref<PluginConf> conf(const PluginKind& kind, const std::string& json) {
    return base::make_counted<PluginConf>(kind, *format::parse_json(json), "/stream_routes/1", 1);
  }
  StreamRun run_of(const PluginConfs& confs) { return StreamRun(*StreamChain::make(shared_.deps, confs)); }
  StreamRun::Result preread(StreamRun& run) {
    return run.preread(session_, [](void* self) { ++static_cast<StreamChainTest*>(self)->woken_; }, this);
  }

  DepsFixture shared_;
  base::Arena arena_;
  StreamSession session_;
  int woken_ = 0;
};

TEST_F(StreamChainTest, HoldsOnlyPluginsWithAFormForSessionsAndHooksThatExist) {
  const auto made = *StreamChain::make(shared_.deps, {{"high", conf(kHigh, "{}")},
                                                      {"low", conf(kOnlyLogs, "{}")},
                                                      {"requests-only", conf(kRequestsOnly, "{}")}});
  EXPECT_EQ(made->size(), 2u);
  EXPECT_EQ(made->hooks(StreamPhase::kPreread).size(), 1u);
  EXPECT_EQ(made->hooks(StreamPhase::kLog).size(), 2u);
}

TEST_F(StreamChainTest, RunsByPriorityAndByMetaPriority) {
  StreamRun run = run_of({{"high", conf(kHigh, "{}")}, {"low", conf(kLow, "{}")}});
  EXPECT_EQ(preread(run), StreamRun::Result::kPass);
  run.log(session_);
  EXPECT_EQ(diary(), (Diary{"high", "low", "high log 1", "low log 1"}));
  diary().clear();
  StreamRun other =
      run_of({{"high", conf(kHigh, "{}")}, {"low", conf(kLow, R"({"_meta": {"priority": 1000}})")}});
  EXPECT_EQ(preread(other), StreamRun::Result::kPass);
  EXPECT_EQ(diary(), (Diary{"low", "high"}));
}

TEST_F(StreamChainTest, PluginThatRefusesEndsThePreread) {
  StreamRun run = run_of({{"high", conf(kHigh, R"({"refuse": 403})")}, {"low", conf(kLow, "{}")}});
  EXPECT_EQ(preread(run), StreamRun::Result::kRefuse);
  EXPECT_EQ(session_.status, 403);
  run.log(session_);
  EXPECT_EQ(diary(), (Diary{"high", "high log 1", "low log 0"}));
}

TEST_F(StreamChainTest, HookThatWaitsIsResumed) {
  StreamRun run =
      run_of({{"high", conf(kHigh, R"({"sleep": true, "refuse": 503})")}, {"low", conf(kLow, "{}")}});
  EXPECT_EQ(preread(run), StreamRun::Result::kWait);
  EXPECT_EQ(diary(), Diary{});
  while (woken_ == 0) shared_.loop.run_once(100);
  EXPECT_EQ(preread(run), StreamRun::Result::kRefuse);
  EXPECT_EQ(session_.status, 503);
  EXPECT_EQ(diary(), (Diary{"\x10\x0d", "high"}));
}

TEST_F(StreamChainTest, CancelledHookIsForgotten) {
  StreamRun run = run_of({{"high", conf(kHigh, R"({"sleep": true})")}});
  EXPECT_EQ(preread(run), StreamRun::Result::kWait);
  run.cancel();
  bool fired = false;
  event::Timer later(shared_.loop.timers(), [](void* flag) { *static_cast<bool*>(flag) = true; }, &fired);
  later.set_after_ms(4 * event::TimerWheel::kTickMs);
  while (!fired) shared_.loop.run_once(100);
  EXPECT_EQ(woken_, 0);
  EXPECT_EQ(diary(), Diary{});
}

TEST_F(StreamChainTest, MetaFilterSeesTheSession) {
  session_.sni = "a.example";
  session_.set_variable("mqtt_client_id", "sensor");
  StreamRun run =
      run_of({{"high", conf(kHigh, R"({"_meta": {"filter": [["remote_addr", "==", "192.0.2.7"],
                                                      ["protocol", "==", "TCP"]]}})")},
              {"low", conf(kLow, R"({"_meta": {"filter": [["mqtt_client_id", "~=", "sensor"]]}})")}});
  EXPECT_EQ(preread(run), StreamRun::Result::kPass);
  run.log(session_);
  EXPECT_EQ(diary(), (Diary{"high", "high log 1"}));
}

TEST_F(StreamChainTest, OneConfigurationServesRequestsAndSessions) {
  const PluginConfs confs{{"high", conf(kHigh, "{}")}};
  const auto for_requests = *Chain::make(shared_.deps, confs);
  const auto for_sessions = *StreamChain::make(shared_.deps, confs);
  EXPECT_TRUE(for_requests->has(Phase::kRewrite));
  EXPECT_TRUE(for_sessions->has(StreamPhase::kPreread));
}

TEST_F(StreamChainTest, FormThatCannotBeBuiltCostsSessionsAlone) {
  const PluginConfs confs{{"low", conf(kUnbuildable, "{}")}};
  const auto for_sessions = StreamChain::make(shared_.deps, confs);
  ASSERT_FALSE(for_sessions);
  EXPECT_EQ(for_sessions.error().what, "plugin low: no file");
  EXPECT_TRUE(Chain::make(shared_.deps, confs));
}

TEST_F(StreamChainTest, VariablesOfASession) {
  const net::TlsInfo tls{.sni = "a.example", .version = "TLSv1.3"};
  session_.tls = &tls;
  session_.sni = tls.sni;
  session_.protocol = StreamProtocol::kUdp;
  session_.server = {*base::IpAddress::parse("2001:db8::1"), 9100};
  session_.bytes = {.from_client = 5, .to_client = 6, .to_upstream = 7, .from_upstream = 8};
  StreamVariables variables(session_);
  const auto read = [&](std::string_view name) {
    return std::string(variables.read(route::VariableName::parse(name)).value_or("unset"));
  };
  const std::vector<std::pair<std::string, std::string>> table = {{"remote_addr", "192.0.2.7"},
                                                                  {"remote_port", "4711"},
                                                                  {"server_addr", "2001:db8::1"},
                                                                  {"server_port", "9100"},
                                                                  {"protocol", "UDP"},
                                                                  {"bytes_received", "5"},
                                                                  {"bytes_sent", "6"},
                                                                  {"ssl_protocol", "TLSv1.3"},
                                                                  {"ssl_server_name", "a.example"},
                                                                  {"status", "200"},
                                                                  {"upstream_bytes_sent", "unset"},
                                                                  {"uri", "unset"}};
  for (const auto& [name, value] : table) EXPECT_EQ(read(name), value) << name;
  session_.upstream = {*base::IpAddress::parse("198.51.100.1"), 53};
  EXPECT_EQ(read("upstream_bytes_sent"), "7");
  EXPECT_EQ(read("upstream_bytes_received"), "8");
  EXPECT_EQ(read("balancer_ip"), "198.51.100.1");
  session_.set_variable("remote_addr", "set");
  EXPECT_EQ(read("remote_addr"), "set");
}

}  // namespace
}  // namespace apisix::plugin
