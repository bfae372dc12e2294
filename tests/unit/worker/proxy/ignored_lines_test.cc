// What error.log says of field lines that were left out of a head.
#include "worker/proxy/ignored_lines.h"

#include <array>

#include "shared/base/log.h"
#include "tests/unit/worker/proxy/request_fixture.h"

namespace apisix::proxy {
namespace {

class IgnoredLinesTest : public RequestTest {
 protected:
  IgnoredLinesTest() {
    receive("/a");
    base::set_log_level(base::LogLevel::kInfo);
  }
  ~IgnoredLinesTest() override { base::set_log_level(level_); }

  // What is logged of these lines.
  template <std::size_t kCount>
  std::string logged(const std::array<std::string_view, kCount>& texts, std::string_view sender = "client") {
    std::array<http::IgnoredLine, kCount> lines;
    for (std::size_t i = 0; i < kCount; ++i) {
      lines[i] = {texts[i], i + 1 < kCount ? &lines[i + 1] : nullptr};
    }
    ::testing::internal::CaptureStderr();
    log_ignored_lines(request_, lines.data(), sender);
    return ::testing::internal::GetCapturedStderr();
  }

 private:
  base::LogLevel level_ = base::log_level();
};

TEST_F(IgnoredLinesTest, ALineIsQuotedWithItsSender) {
  const std::string out = logged(std::array<std::string_view, 1>{"X@Y: 1"});
  EXPECT_NE(out.find("[info]"), std::string::npos) << out;
  EXPECT_NE(out.find("client sent invalid header line: \"X@Y: 1\""), std::string::npos) << out;
  EXPECT_NE(out.find("request: \"GET /a HTTP/1.1\""), std::string::npos) << out;
}

TEST_F(IgnoredLinesTest, TheUpstreamIsNamedAsSender) {
  const std::string out = logged(std::array<std::string_view, 1>{"X@Y: 1"}, "upstream");
  EXPECT_NE(out.find("upstream sent invalid header line"), std::string::npos) << out;
}

TEST_F(IgnoredLinesTest, EveryLineIsSaidInWireOrder) {
  const std::string out = logged(std::array<std::string_view, 3>{"a@: 1", "b@: 2", "c@: 3"});
  const auto first = out.find("\"a@: 1\"");
  const auto second = out.find("\"b@: 2\"");
  const auto third = out.find("\"c@: 3\"");
  EXPECT_LT(first, second) << out;
  EXPECT_LT(second, third) << out;
  EXPECT_NE(third, std::string::npos) << out;
}

TEST_F(IgnoredLinesTest, NoByteOfALineEndsItsQuotesOrItsLine) {
  const std::string out = logged(std::array<std::string_view, 1>{"X@: \"\n\x1b[31m\\"});
  EXPECT_NE(out.find("\"X@: \\x22\\x0A\\x1B[31m\\x5C\""), std::string::npos) << out;
  EXPECT_EQ(out.find('\n'), out.size() - 1) << out;
}

TEST_F(IgnoredLinesTest, ALongLineIsCut) {
  const std::string text(5000, 'a');
  const std::string out = logged(std::array<std::string_view, 1>{text});
  EXPECT_NE(out.find("\"" + std::string(768, 'a') + "\""), std::string::npos) << out.size();
}

TEST_F(IgnoredLinesTest, BelowInfoNothingIsSaid) {
  base::set_log_level(base::LogLevel::kWarn);
  EXPECT_EQ(logged(std::array<std::string_view, 1>{"X@Y: 1"}), "");
}

}  // namespace
}  // namespace apisix::proxy
