#include "worker/diagnose/question.h"

#include <gtest/gtest.h>

namespace apisix::diagnose {
namespace {

base::Result<Question> parse(std::string_view json) {
  return Question::parse(format::parse_json(json).value());
}

std::string error(std::string_view json) {
  const auto question = parse(json);
  return question ? "accepted" : question.error().what;
}

TEST(Question, AUrlIsTakenApart) {
  const auto question = parse(R"({"url":"https://Foo.test:8443/a?b=c#d","method":"PUT","client_ip":"10.0.0.7",
                                  "consumer":"jack","body":"xyz","headers":{"X-A":"1","X-B":["2","3"]}})");
  ASSERT_TRUE(question);
  EXPECT_TRUE(question->is_tls);
  EXPECT_EQ(question->port, 8443);
  EXPECT_EQ(question->target, "/a?b=c");
  EXPECT_EQ(question->client_ip.to_string(), "10.0.0.7");
  EXPECT_EQ(question->consumer, "jack");
  EXPECT_EQ(question->head(),
            "PUT /a?b=c HTTP/1.1\r\nHost: Foo.test:8443\r\nX-A: 1\r\nX-B: 2\r\nX-B: 3\r\n"
            "Content-Length: 3\r\n\r\n");
}

TEST(Question, WhatIsLeftOutHasAMeaning) {
  EXPECT_EQ(parse(R"({"url":"/a"})")->head(), "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(parse(R"({"url":"http://x"})")->head(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(parse(R"({"url":"http://x?q"})")->target, "/?q");
  EXPECT_EQ(parse(R"({"url":"http://[::1]:81/"})")->port, 81);
  EXPECT_EQ(parse(R"({"url":"http://[::1]/"})")->port, 0);
  EXPECT_EQ(parse(R"({"url":"/a","headers":{"HOST":"y"}})")->head(), "GET /a HTTP/1.1\r\nHOST: y\r\n\r\n");
}

TEST(Question, WhatIsRefusedNamesTheMember) {
  EXPECT_EQ(error("[]"), "the body is not a JSON object");
  EXPECT_EQ(error("{}"), "url is missing");
  EXPECT_EQ(error(R"({"url":"ftp://x/"})"), "url is neither a path nor http:// nor https://");
  EXPECT_EQ(error(R"({"url":"http:///a"})"), "url has no host");
  EXPECT_EQ(error(R"({"url":"http://x:0/"})"), "url has a bad port");
  EXPECT_EQ(error(R"({"url":"http://x:99999/"})"), "url has a bad port");
  EXPECT_EQ(error(R"({"url":7})"), "url is not a string");
  EXPECT_EQ(error(R"({"url":"/a","client_ip":"here"})"), "client_ip is no address");
  EXPECT_EQ(error(R"({"url":"/a","headers":[]})"), "headers is not an object");
  EXPECT_EQ(error(R"({"url":"/a","headers":{"A":1}})"), "headers: A is not a text of one line");
  EXPECT_EQ(error(R"({"url":"/a","uri":"/b"})"), "unknown member \"uri\"");
}

// Nothing becomes a second line of the head.
TEST(Question, LineBreaksAreRefused) {
  EXPECT_EQ(error(R"({"url":"/a\r\nX: y"})"), "url has a line break or NUL in it");
  EXPECT_EQ(error(R"({"url":"/a","method":"GET\n"})"), "method has a line break or NUL in it");
  EXPECT_EQ(error(R"({"url":"/a","headers":{"A":"b\nC: d"}})"), "headers: A is not a text of one line");
  EXPECT_EQ(error(R"({"url":"/a","headers":{"A\r\nB":"b"}})").substr(0, 8), "headers:");
}

TEST(Question, HeadersAreBounded) {
  format::Json json(::Json::objectValue);
  json["url"] = "/a";
  for (std::size_t i = 0; i <= kQuestionHeadersMax; ++i) json["headers"]["A"].append("x");
  const auto question = Question::parse(json);
  ASSERT_FALSE(question);
  EXPECT_EQ(question.error().what, "headers: more than 256");
}

}  // namespace
}  // namespace apisix::diagnose
