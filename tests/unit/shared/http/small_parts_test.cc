// Methods, reason phrases, dates and cookies.
#include <string>

#include <gtest/gtest.h>

#include "shared/http/cookie.h"
#include "shared/http/date.h"
#include "shared/http/method.h"
#include "shared/http/status.h"

namespace apisix::http {
namespace {

TEST(Method, NamesGoBothWays) {
  for (int i = 0; i < static_cast<int>(Method::kOther); ++i) {
    const auto method = static_cast<Method>(i);
    EXPECT_FALSE(method_name(method).empty());
    EXPECT_EQ(parse_method(method_name(method)), method);
  }
  EXPECT_EQ(parse_method("get"), Method::kOther);
  EXPECT_EQ(parse_method("GETX"), Method::kOther);
  EXPECT_EQ(parse_method(""), Method::kOther);
  EXPECT_EQ(method_name(Method::kOther), "");
}

TEST(ReasonPhrase, UsesNginxsWords) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(302), "Moved Temporarily");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(413), "Request Entity Too Large");
  EXPECT_EQ(reason_phrase(503), "Service Temporarily Unavailable");
  EXPECT_EQ(reason_phrase(504), "Gateway Time-out");
  for (const int status : {0, 99, 306, 418, 599, 600, 999, 65535}) {
    EXPECT_EQ(reason_phrase(static_cast<std::uint16_t>(status)), "") << status;
  }
}

std::string date_of(std::int64_t seconds) {
  std::string out(kDateBytes, '?');
  format_date(seconds, out.data());
  return out;
}

TEST(Date, IsImfFixdate) {
  EXPECT_EQ(date_of(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date_of(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date_of(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date_of(1709251199), "Thu, 29 Feb 2024 23:59:59 GMT");
  EXPECT_EQ(date_of(4102444800), "Fri, 01 Jan 2100 00:00:00 GMT");
  EXPECT_EQ(date_of(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(date_of(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(date_of(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(Date, TheCacheFollowsTheClockBothWays) {
  DateCache cache;
  EXPECT_EQ(cache.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(784111778), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(cache.at(784111776), "Sun, 06 Nov 1994 08:49:36 GMT");
  EXPECT_EQ(cache.at(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(Cookie, FirstOfTheName) {
  EXPECT_EQ(find_cookie("a=1; b=2; b=3", "b"), "2");
  EXPECT_EQ(find_cookie("a=1;b=2", "b"), "2");
  EXPECT_EQ(find_cookie("  a = 1 ;b=2", "a"), "1");
  EXPECT_EQ(find_cookie("a=b=c", "a"), "b=c");
  EXPECT_EQ(find_cookie("a=\"x y\"", "a"), "\"x y\"");
  EXPECT_EQ(find_cookie("a=", "a"), "");
  EXPECT_EQ(find_cookie("a", "a"), std::nullopt);
  EXPECT_EQ(find_cookie("A=1", "a"), std::nullopt);
  EXPECT_EQ(find_cookie("xa=1; ax=2", "a"), std::nullopt);
  EXPECT_EQ(find_cookie("x=a=1", "a"), std::nullopt);
  EXPECT_EQ(find_cookie("", "a"), std::nullopt);
  EXPECT_EQ(find_cookie(";;;", "a"), std::nullopt);
}

TEST(Cookie, OverAllFields) {
  base::Arena arena;
  HeaderMap map;
  EXPECT_EQ(find_cookie(map, "b"), std::nullopt);
  ASSERT_TRUE(map.add(arena, "Cookie", "a=1"));
  ASSERT_TRUE(map.add(arena, "X-Cookie", "b=0"));
  ASSERT_TRUE(map.add(arena, "cookie", "b=2"));
  EXPECT_EQ(find_cookie(map, "b"), "2");
}

TEST(Cookie, RemovesAllOfAName) {
  base::Arena arena;
  HeaderMap map;
  ASSERT_TRUE(map.add(arena, "Cookie", "a=1; jwt=x.y.z;b=c==;  jwt=2; Jwt=3"));
  ASSERT_TRUE(map.add(arena, "X-Cookie", "jwt=0"));
  ASSERT_TRUE(map.add(arena, "cookie", "jwt=2"));
  remove_cookie(map, "jwt", arena);
  ASSERT_EQ(map.size(), 2U);
  EXPECT_EQ(map.value(KnownHeader::kCookie), "a=1; b=c==; Jwt=3");
  EXPECT_EQ(map.find("X-Cookie")->value, "jwt=0");
}

// RFC 9110 5.6.7: the same second in the three forms.
TEST(Date, ParsesTheThreeForms) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994"), 784111777);
  EXPECT_EQ(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_date("Thu, 29 Feb 2024 23:59:59 GMT"), 1709251199);
}

TEST(Date, RefusesWhatIsNoDate) {
  for (const char* text :
       {"", "yesterday", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
        ", ", "Sunday, 06-Nov-1994 08:49:37 GMT", "1994-11-06T08:49:37Z"}) {
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
  }
}

TEST(Date, ParsesWhatIsFormatted) {
  for (std::int64_t second = 0; second < 253402300799; second += 86399 * 997) {
    char text[kDateBytes];
    format_date(second, text);
    EXPECT_EQ(parse_date({text, kDateBytes}), second);
  }
}

}  // namespace
}  // namespace apisix::http
