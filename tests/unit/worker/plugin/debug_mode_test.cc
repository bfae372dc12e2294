// What conf/debug.yaml may say, and what is made of it.
#include "worker/plugin/debug_mode.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "shared/format/yaml.h"

namespace apisix::plugin {
namespace {

using ::testing::HasSubstr;

base::Result<base::Ref<const DebugMode>> read(const std::string& yaml) {
  return DebugMode::make(format::parse_yaml(yaml, "debug.yaml")->value);
}

const std::string kOff = "basic: {enable: false}\nhttp_filter: {enable: false}\nhook_conf: {enable: false}\n";

TEST(DebugModeTest, NothingTurnedOnIsOff) {
  ASSERT_TRUE(read(kOff));
  EXPECT_TRUE((*read(kOff))->is_off());
  EXPECT_TRUE((*read("basic: {}\nhttp_filter: {}\nhook_conf: {}"))->is_off());
}

TEST(DebugModeTest, FaultsAreNamed) {
  EXPECT_EQ(read("basic: {}\nhook_conf: {}").error().what, "property \"http_filter\" is required");
  EXPECT_EQ(read("").error().what, "property \"basic\" is required");
  EXPECT_EQ(read("basic: {enable: 1}\nhttp_filter: {}\nhook_conf: {}").error().what,
            "property \"enable\" is not a boolean");
  EXPECT_EQ(read("basic: {}\nhttp_filter: {enable_header_name: 5}\nhook_conf: {}").error().what,
            "property \"enable_header_name\" is not a string");
  EXPECT_FALSE(read("basic: {}\nhttp_filter: {}\nhook_conf: {log_level: loud}"));
}

TEST(DebugModeTest, TheListThatIsNamedCounts) {
  const auto mode = read(
      "basic: {}\nhttp_filter: {}\n"
      "hook_conf: {enable: true, name: mine, log_level: error, is_print_input_args: true}\n"
      "mine: {apisix: [http_log_phase, no_such], apisix.plugins.echo: [body_filter, 5], apisix.core: [log]}\n"
      "other: {apisix: [http_access_phase]}\n");
  ASSERT_TRUE(mode);
  EXPECT_FALSE((*mode)->is_off());
  EXPECT_TRUE((*mode)->has_call("apisix", "http_log_phase"));
  EXPECT_TRUE((*mode)->has_call("apisix.plugins.echo", "body_filter"));
  EXPECT_FALSE((*mode)->has_call("apisix", "no_such"));
  EXPECT_FALSE((*mode)->has_call("apisix", "http_access_phase"));
  EXPECT_FALSE((*mode)->has_call("apisix.core", "log"));
  EXPECT_EQ((*mode)->level(), base::LogLevel::kError);
  EXPECT_TRUE((*mode)->prints_arguments());
  EXPECT_FALSE((*mode)->prints_results());
}

TEST(DebugModeTest, AFieldChoosesTheRequests) {
  event::Loop loop;
  base::Arena arena;
  RequestState request(arena, loop.clock());
  request.head = arena.make<http::RequestHead>();
  const std::string calls = "hook_conf: {enable: true, name: mine}\nmine: {apisix: [http_log_phase]}\n";
  const auto filtered = read("basic: {}\nhttp_filter: {enable: true, enable_header_name: X-Trace}\n" + calls);
  const auto unfiltered =
      read("basic: {}\nhttp_filter: {enable: false, enable_header_name: X-Trace}\n" + calls);
  EXPECT_FALSE((*filtered)->traces_calls_of(request));
  EXPECT_TRUE((*unfiltered)->traces_calls_of(request));
  request.head->headers.add(arena, "x-trace", "");
  EXPECT_TRUE((*filtered)->traces_calls_of(request));
  EXPECT_FALSE((*read("basic: {}\nhttp_filter: {enable: true}\n" + calls))->traces_calls_of(request));
}

}  // namespace
}  // namespace apisix::plugin
