// The texts of the gateway's own responses, byte for byte what clients of APISIX know.
#include "worker/proxy/direct_response.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::proxy {
namespace {

std::string title_of_page(std::uint16_t status) {
  base::Arena arena;
  const std::string page(make_error_page(status, arena).body);
  const auto begin = page.find("<title>") + 7;
  return page.substr(begin, page.find("</title>") - begin);
}

TEST(DirectResponse, RouteNotFoundIsApisixsJson) {
  EXPECT_EQ(route_not_found().status, 404);
  EXPECT_EQ(route_not_found().body, "{\"error_msg\":\"404 Route Not Found\"}\n");
  EXPECT_EQ(route_not_found().content_type, "text/plain");
}

TEST(DirectResponse, ErrorPageIsNginxsWithApisixsLine) {
  base::Arena arena;
  const plugin::DirectResponse page = make_error_page(502, arena);
  EXPECT_EQ(page.status, 502);
  EXPECT_EQ(page.content_type, "text/html");
  EXPECT_EQ(
      page.body,
      "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
      "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>openresty</center>\r\n"
      "<p><em>Powered by <a href=\"https://apisix.apache.org/\">APISIX</a>.</em></p></body>\r\n</html>\r\n");
}

struct Titled {
  std::uint16_t status;
  const char* title;
};
class ErrorPageTest : public ::testing::TestWithParam<Titled> {};

TEST_P(ErrorPageTest, IsTitledAsNginxDoes) {
  EXPECT_EQ(title_of_page(GetParam().status), GetParam().title);
}

INSTANTIATE_TEST_SUITE_P(DirectResponse, ErrorPageTest,
                         ::testing::Values(Titled{302, "302 Found"}, Titled{400, "400 Bad Request"},
                                           Titled{401, "401 Authorization Required"},
                                           Titled{403, "403 Forbidden"}, Titled{404, "404 Not Found"},
                                           Titled{431, "431 Request Header Fields Too Large"},
                                           Titled{500, "500 Internal Server Error"},
                                           Titled{503, "503 Service Temporarily Unavailable"},
                                           Titled{504, "504 Gateway Time-out"}),
                         [](const auto& row) { return std::to_string(row.param.status); });

TEST(DirectResponse, ErrorPageOfAStatusWithoutAPhraseHasItsNumber) {
  EXPECT_TRUE(title_of_page(599).starts_with("599")) << title_of_page(599);
}

TEST(DirectResponse, ErrorPageLivesInTheArenaOfItsRequest) {
  base::Arena arena;
  const plugin::DirectResponse first = make_error_page(500, arena);
  const plugin::DirectResponse second = make_error_page(502, arena);
  EXPECT_NE(first.body.find("500"), std::string_view::npos);
  EXPECT_NE(second.body.find("502"), std::string_view::npos);
}

}  // namespace
}  // namespace apisix::proxy
