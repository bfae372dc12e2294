// Where a request stands in the pipeline, and how it goes on after it waited.
#include "worker/proxy/pipeline_run.h"

#include <gtest/gtest.h>

#include "shared/async/signal.h"
#include "worker/limits.h"

namespace apisix::proxy {
namespace {

class PipelineRunTest : public ::testing::Test {
 protected:
  async::Step wait_for_signal() {
    co_await signal_.wait(kForever);
    co_return async::pass();
  }

  void pass_ms(std::uint64_t ms) {
    loop_.skip_ms(ms);
    loop_.run_once(0);
  }

  static constexpr std::uint64_t kForever = 1'000'000'000;
  event::Loop loop_;
  async::Signal signal_{loop_};
  int resumed_ = 0;
  base::Delegate<void()> resume_{[](void* resumed) { ++*static_cast<int*>(resumed); }, &resumed_};
  std::unique_ptr<PipelineRun> run_ = std::make_unique<PipelineRun>(loop_, resume_);
};

TEST_F(PipelineRunTest, RequestGoesOnWhenItsStepHasEnded) {
  run_->wait_for(wait_for_signal());
  loop_.run_once(0);
  EXPECT_EQ(resumed_, 0);
  signal_.notify();
  EXPECT_EQ(resumed_, 0);
  loop_.run_once(0);
  EXPECT_EQ(resumed_, 1);
}

TEST_F(PipelineRunTest, HookThatEndsResumesInALaterCallback) {
  PipelineRun::on_step_done(run_.get());
  EXPECT_EQ(resumed_, 0);
  loop_.run_once(0);
  EXPECT_EQ(resumed_, 1);
}

TEST_F(PipelineRunTest, RequestThatEndedIsNotResumed) {
  PipelineRun::on_step_done(run_.get());
  run_.reset();
  loop_.run_once(0);
  EXPECT_EQ(resumed_, 0);
}

TEST_F(PipelineRunTest, RequestThatEndedForgetsItsStep) {
  run_->wait_for(wait_for_signal());
  run_.reset();
  signal_.notify();
  loop_.run_once(0);
  EXPECT_EQ(resumed_, 0);
}

TEST_F(PipelineRunTest, TimeForSecretsRunsFromTheFirstWait) {
  EXPECT_EQ(run_->secret_wait_ms_left(), limits::kSecretWaitMsMax);
  pass_ms(400);
  EXPECT_LE(run_->secret_wait_ms_left(), limits::kSecretWaitMsMax - 400);
  EXPECT_GT(run_->secret_wait_ms_left(), 0u);
  pass_ms(limits::kSecretWaitMsMax);
  EXPECT_EQ(run_->secret_wait_ms_left(), 0u);
}

TEST_F(PipelineRunTest, RouteIsKeptForTheLifeOfTheRequest) {
  EXPECT_EQ(run_->route(), nullptr);
  run_->set_route(base::make_counted<const config::CompiledRoute>());
  EXPECT_NE(run_->route(), nullptr);
}

TEST_F(PipelineRunTest, RequestIsLoggedUnlessAPhaseSaysOtherwise) {
  EXPECT_TRUE(run_->is_logged());
  run_->keep_out_of_log();
  EXPECT_FALSE(run_->is_logged());
}

}  // namespace
}  // namespace apisix::proxy
