#include "shared/event/io_watch.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/unique_fd.h"

namespace apisix::event {
namespace {

class IoWatchTest : public testing::Test {
 protected:
  IoWatchTest() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    fd_.reset(fds[0]);
    peer_.reset(fds[1]);
    watch_.start(fd_.get());
  }
  ~IoWatchTest() override { watch_.stop(); }

  // What one turn of the loop called back with: "r", "w", "rw", or nothing.
  std::string turn() {
    events_.clear();
    loop_.run_once(1);  // 0 would go on until no descriptor is ready
    return events_;
  }

  Loop loop_;
  base::UniqueFd fd_;
  base::UniqueFd peer_;
  std::string events_;
  bool again_ = false;
  IoWatch watch_{loop_,
                 [](void* self, bool readable, bool writable) {
                   auto& test = *static_cast<IoWatchTest*>(self);
                   test.events_ += std::string(readable ? "r" : "") + (writable ? "w" : "");
                   if (test.again_) test.watch_.report_readable();
                 },
                 this};
};

TEST_F(IoWatchTest, TellsWhatTheDescriptorIs) {
  EXPECT_EQ(turn(), "");
  watch_.want_write(true);
  EXPECT_EQ(turn(), "w");
  ASSERT_EQ(::write(peer_.get(), "x", 1), 1);
  EXPECT_EQ(turn(), "rw");
  watch_.want_read(false);
  EXPECT_EQ(turn(), "w");
}

TEST_F(IoWatchTest, ReportIsCalledBackOnceThoughTheDescriptorIsSilent) {
  watch_.report_readable();
  watch_.report_readable();
  EXPECT_EQ(turn(), "r");
  EXPECT_EQ(turn(), "");
  watch_.report_readable();
  EXPECT_EQ(turn(), "r");
}

TEST_F(IoWatchTest, DescriptorIsWatchedBehindAReport) {
  watch_.report_readable();
  EXPECT_EQ(turn(), "r");
  ASSERT_EQ(::write(peer_.get(), "x", 1), 1);
  EXPECT_EQ(turn(), "r");
}

TEST_F(IoWatchTest, ReportFromInsideACallbackComesInALaterTurn) {
  again_ = true;
  watch_.report_readable();
  EXPECT_EQ(turn(), "r");
  EXPECT_EQ(turn(), "r");
  again_ = false;
  EXPECT_EQ(turn(), "r");
  EXPECT_EQ(turn(), "");
}

TEST_F(IoWatchTest, ReportIsKeptWhenWriteInterestChanges) {
  watch_.report_readable();
  watch_.want_write(true);
  EXPECT_TRUE(turn().starts_with("r"));
  watch_.report_readable();
  watch_.want_write(false);
  EXPECT_EQ(turn(), "r");
  EXPECT_EQ(turn(), "");
}

TEST_F(IoWatchTest, ReportIsTakenBackWhenReadingStops) {
  watch_.report_readable();
  watch_.want_read(false);
  EXPECT_EQ(turn(), "");
  watch_.report_readable();
  watch_.want_read(true);
  EXPECT_EQ(turn(), "");
}

TEST_F(IoWatchTest, ReportIsTakenBackWhenTheWatchStops) {
  watch_.report_readable();
  watch_.stop();
  EXPECT_EQ(turn(), "");
  watch_.start(fd_.get());
  EXPECT_EQ(turn(), "");
}

TEST_F(IoWatchTest, ReportAndBytesInOneTurnAreOneCallback) {
  ASSERT_EQ(::write(peer_.get(), "x", 1), 1);
  watch_.report_readable();
  EXPECT_EQ(turn(), "r");
}

}  // namespace
}  // namespace apisix::event
