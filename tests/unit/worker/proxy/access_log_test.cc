// When lines of the access log reach their file, and which are lost. The timer wheel is moved by hand.
#include "worker/proxy/access_log.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "tests/unit/worker/proxy/request_fixture.h"

namespace apisix::proxy {
namespace {

class AccessLogTest : public RequestTest {
 protected:
  AccessLogTest() {
    receive("/a");
    request_.target.path = "/a";
    std::filesystem::create_directories(folder_);
  }
  ~AccessLogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AccessLog> open(std::size_t buffer_bytes, const std::string& path) {
    return AccessLog::open(loop_, path, LogFormat("$uri", Escape::kDefault), buffer_bytes).value();
  }
  std::unique_ptr<AccessLog> open(std::size_t buffer_bytes) { return open(buffer_bytes, path_); }
  // One line of three bytes, the path and a line feed.
  void write(AccessLog& log, std::string_view path) {
    request_.target.path = path;
    log.write(request_);
  }
  void pass_ms(std::uint64_t ms) { loop_.timers().advance(loop_.timers().now_ms() + ms); }
  static std::string content_of(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  std::string content() const { return content_of(path_); }

  const std::string folder_ = ::testing::TempDir() + "access-log-" + std::to_string(::getpid());
  const std::string path_ = folder_ + "/access.log";
};

TEST_F(AccessLogTest, LinesAreGatheredUntilTheBufferIsFull) {
  const auto log = open(8);
  write(*log, "/1");
  write(*log, "/2");
  EXPECT_EQ(content(), "");
  write(*log, "/3");
  EXPECT_EQ(content(), "/1\n/2\n/3\n");
}

TEST_F(AccessLogTest, WithoutABufferEveryLineIsWrittenAtOnce) {
  const auto log = open(0);
  write(*log, "/1");
  EXPECT_EQ(content(), "/1\n");
  write(*log, "/2");
  EXPECT_EQ(content(), "/1\n/2\n");
}

TEST_F(AccessLogTest, ALineWaitsAtMostTheFlushTime) {
  const auto log = open(1000);
  write(*log, "/1");
  pass_ms(AccessLog::kFlushMs - 1);
  EXPECT_EQ(content(), "");
  pass_ms(1 + event::TimerWheel::kTickMs);
  EXPECT_EQ(content(), "/1\n");
}

TEST_F(AccessLogTest, TheFlushTimeIsTheOldestLines) {
  const auto log = open(1000);
  write(*log, "/1");
  pass_ms(AccessLog::kFlushMs / 2);
  write(*log, "/2");
  pass_ms(AccessLog::kFlushMs / 2 + event::TimerWheel::kTickMs);
  EXPECT_EQ(content(), "/1\n/2\n");
}

TEST_F(AccessLogTest, TheFlushTimeBeginsAnewBehindAFlush) {
  const auto log = open(1000);
  write(*log, "/1");
  log->flush();
  pass_ms(AccessLog::kFlushMs - 10);
  write(*log, "/2");
  pass_ms(100);
  EXPECT_EQ(content(), "/1\n");
  pass_ms(AccessLog::kFlushMs);
  EXPECT_EQ(content(), "/1\n/2\n");
}

TEST_F(AccessLogTest, WhatIsGatheredIsWrittenAtTheEnd) {
  auto log = open(1000);
  write(*log, "/1");
  log.reset();
  EXPECT_EQ(content(), "/1\n");
}

TEST_F(AccessLogTest, AFileThatIsThereIsAppendedTo) {
  std::ofstream(path_) << "before\n";
  open(1000)->write(request_);
  EXPECT_EQ(content(), "before\n/a\n");
}

TEST_F(AccessLogTest, LinesOfSeveralWorkersStayWhole) {
  const auto one = open(1000);
  const auto two = open(1000);
  write(*one, "/1");
  write(*two, "/2");
  two->flush();
  one->flush();
  EXPECT_EQ(content(), "/2\n/1\n");
}

TEST_F(AccessLogTest, ReopeningWritesWhatWasGatheredIntoTheOldFile) {
  const auto log = open(1000);
  write(*log, "/1");
  std::filesystem::rename(path_, path_ + ".1");
  ASSERT_TRUE(log->reopen());
  write(*log, "/2");
  log->flush();
  EXPECT_EQ(content_of(path_ + ".1"), "/1\n");
  EXPECT_EQ(content(), "/2\n");
}

TEST_F(AccessLogTest, ReopeningThatFailsKeepsTheOldFile) {
  const auto log = open(1000);
  const std::string kept = folder_ + "-kept";
  std::filesystem::rename(folder_, kept);
  EXPECT_FALSE(log->reopen());
  write(*log, "/1");
  log->flush();
  EXPECT_EQ(content_of(kept + "/access.log"), "/1\n");
  std::filesystem::remove_all(kept);
}

TEST_F(AccessLogTest, AFolderThatIsMissingIsAnError) {
  EXPECT_FALSE(AccessLog::open(loop_, folder_ + "/none/access.log", LogFormat("", Escape::kNone), 1));
}

TEST_F(AccessLogTest, BytesThatAFullDiskRefusesAreCountedUntilItTakesSomeAgain) {
  const std::string link = folder_ + "/full.log";
  std::filesystem::create_symlink("/dev/full", link);
  const auto log = open(1, link);
  ::testing::internal::CaptureStderr();
  write(*log, "/1");
  EXPECT_EQ(log->lost_bytes(), 3u);
  write(*log, "/2");
  EXPECT_EQ(log->lost_bytes(), 6u);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("lines are lost"), std::string::npos) << said;
  EXPECT_EQ(said.find("lines are lost"), said.rfind("lines are lost")) << said;  // once, not for every line
  std::filesystem::remove(link);
  ASSERT_TRUE(log->reopen());
  write(*log, "/3");
  EXPECT_EQ(log->lost_bytes(), 0u);
  EXPECT_EQ(content_of(link), "/3\n");
}

}  // namespace
}  // namespace apisix::proxy
