#include "worker/control/health_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string page_of(std::string_view checkers) {
  return health_page(*format::parse_json(checkers));
}

TEST(HealthPage, OneRowForEachNode) {
  const std::string page = page_of(R"([{"name":"/apisix/routes/1","type":"http","nodes":[
      {"ip":"127.0.0.1","port":80,"status":"mostly_healthy",
       "counter":{"success":1,"tcp_failure":2,"http_failure":3,"timeout_failure":4}},
      {"ip":"::1","port":81,"status":"unhealthy","counter":{}}]}])");
  EXPECT_THAT(page, HasSubstr("  <tr>\n    <td>1</td>\n    <td>/apisix/routes/1</td>\n    <td>http</td>\n"
                              "    <td>127.0.0.1:80</td>\n    <td>mostly_healthy</td>\n    <td>1</td>\n"
                              "    <td>2</td>\n    <td>3</td>\n    <td>4</td>\n  </tr>\n"));
  EXPECT_THAT(page, HasSubstr("  <tr bgcolor=\"#FF0000\">\n    <td>2</td>"));
  EXPECT_THAT(page, HasSubstr("<td>[::1]:81</td>"));
}

TEST(HealthPage, NamesCannotWriteHtml) {
  const std::string page = page_of(
      R"([{"name":"/routes/<b>&\"","nodes":[{"ip":"1.1.1.1","port":1,"status":"healthy","counter":{}}]}])");
  EXPECT_THAT(page, HasSubstr("<td>/routes/&lt;b&gt;&amp;&quot;</td>"));
}

TEST(HealthPage, NoUpstreamHasChecks) {
  EXPECT_THAT(page_of("[]"), Not(HasSubstr("<td>")));
  EXPECT_THAT(page_of(R"([{"name":"/routes/1","nodes":{}}])"), Not(HasSubstr("<td>")));
}

}  // namespace
}  // namespace apisix::control
