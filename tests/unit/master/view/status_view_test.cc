#include "master/view/status_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::master {
namespace {

using inspect::InstanceStatus;
using inspect::ProcessStatus;
using memory::ChildRole;
using memory::ChildState;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::ResultOf;

constexpr std::uint64_t kNowMs = 1'000'000'000;

ProcessStatus process(ChildRole role, std::uint32_t index, std::int32_t pid) {
  return {.role = role,
          .state = ChildState::kReady,
          .index = index,
          .pid = pid,
          .generation = 2,
          .started_at_ms = kNowMs - 90'000};
}

InstanceStatus instance() {
  InstanceStatus out;
  out.at_ms = kNowMs;
  out.master = 500;
  out.generation = 2;
  out.started_at_ms = kNowMs - 7'980'000;
  out.configured_at_ms = kNowMs - 90'000;
  out.traffic.requests = 1'234'567;
  out.traffic.active = 12;
  out.traffic.waiting = 10;
  out.processes = {process(ChildRole::kMaster, 0, 500), process(ChildRole::kAgent, 0, 501),
                   process(ChildRole::kWorker, 0, 502)};
  out.processes[2].revision = 41;
  out.processes[2].applied_at_ms = kNowMs - 5'000;
  out.processes[2].source = memory::ConfigSource::kLocal;
  out.processes[2].traffic.requests = 700;
  return out;
}

TEST(StatusView, SaysAllOnOneScreen) {
  InstanceStatus now = instance();
  now.processes[2].io_uring = memory::IoUring::kOffByConfig;
  InstanceStatus before = now;
  before.at_ms -= 2'000;
  before.traffic.requests -= 200;
  before.processes[2].traffic.requests -= 100;
  const auto lines = status_lines({before, now}, {.columns = 80});
  EXPECT_THAT(lines, Contains("Status       ready"));
  EXPECT_THAT(lines, Contains(HasSubstr("for 2h13m, generation 2, master process 500")));
  EXPECT_THAT(lines, Contains("Config       local, revision 41 on all workers, in force for 5s"));
  EXPECT_THAT(lines, Contains("Connections  12 open, 10 of them idle; 0 since the start"));
  EXPECT_THAT(lines, Contains("Requests     100 per second, 1,234,567 since the start"));
  EXPECT_THAT(lines, Contains("io_uring     off by config.yaml"));
  EXPECT_THAT(lines, Contains("PROCESS   PID  STATE  GEN  UPTIME  DEATHS  REVISION  AGE  CONNS  REQ/S"));
  EXPECT_THAT(lines, Contains("worker 0  502  Ready    2      1m       0        41   5s      0   50.0"));
  EXPECT_THAT(lines, Each(ResultOf(width_of, ::testing::Le(80u))));
}

TEST(StatusView, CountsCertificatesThatEnd) {
  InstanceStatus now = instance();
  EXPECT_THAT(status_lines({now, now}, {}), ::testing::Not(Contains(HasSubstr("Certificates"))));
  now.processes[2].certificates_ending = 3;
  EXPECT_THAT(status_lines({now, now}, {}), Contains("Certificates 3 end within 30 days, see apisix lint"));
  now.processes[2].certificates_ended = 1;
  EXPECT_THAT(status_lines({now, now}, {}),
              Contains("Certificates 1 have ended, 3 end within 30 days, see apisix lint"));
}

TEST(StatusView, TellsWhatIsWrong) {
  InstanceStatus now = instance();
  now.processes[2].state = ChildState::kGone;
  now.processes[2].pid = 0;
  now.processes[2].deaths = 4;
  now.deaths = 4;
  now.change = {.serial = 1,
                .kind = memory::ChangeKind::kReload,
                .state = memory::ChangeState::kFailed,
                .at_ms = kNowMs,
                .why = "port taken"};
  const auto lines = status_lines({now, now}, {});
  EXPECT_THAT(lines, Contains("Status       not ready: worker 0 is Gone"));
  EXPECT_THAT(lines, Contains("config.yaml  read 1m ago; last reload 0s ago: failed, port taken"));
  EXPECT_THAT(lines, Contains("Crashes      4 since the start, see error.log"));
  EXPECT_THAT(lines, Contains(HasSubstr("worker 0    -  Gone     2       -       4")));
  EXPECT_EQ(status_json({now, now})["requests_per_s"].isNull(), true) << "one look gives no rate";
}

TEST(StatusView, ReplacedWorkerCountsFromItsOwnStart) {
  InstanceStatus now = instance();
  InstanceStatus before = now;
  before.at_ms -= 1'000;
  before.processes[2].pid = 499;
  EXPECT_EQ((TwoSamples{before, now}.request_rate(now.processes[2])), 700);
}

}  // namespace
}  // namespace apisix::master
