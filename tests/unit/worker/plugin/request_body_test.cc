// Fields of request bodies, as conditions of routes see them.
#include "worker/plugin/request_body.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::plugin {
namespace {

constexpr const char* kMultipart = "multipart/form-data; boundary=b";

std::string field(std::string_view bytes, std::string_view content_type, std::string_view path) {
  RequestBody body;
  body.set(bytes, content_type);
  const format::Json* value = body.field(path);
  return value != nullptr ? format::to_json(*value) : "unset";
}

TEST(RequestBody, PartsOfAForm) {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nopenai\r\n"
      "--b\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; "
      "name=text\r\n\r\na\n\nb\r\n--b--\r\n";
  EXPECT_EQ(field(body, kMultipart, "model"), R"("openai")");
  EXPECT_EQ(field(body, kMultipart, "text"), R"("a\n\nb")");
  EXPECT_EQ(field(body, kMultipart, "other"), "unset");
}

TEST(RequestBody, PartsWhoseLinesEndWithLfAlone) {
  const std::string body =
      "--b\nContent-Disposition: form-data; name=\"model\"\n\nopenai\n"
      "--b\nContent-Disposition: form-data; name=\"empty\"\n\n\n--b--\n";
  EXPECT_EQ(field(body, kMultipart, "model"), R"("openai")");
  EXPECT_EQ(field(body, kMultipart, "empty"), R"("")");
}

TEST(RequestBody, WhatIsNoFormHasNoFields) {
  EXPECT_EQ(field("--b\nname=model\n--b--", kMultipart, "model"), "unset");
  EXPECT_EQ(field("--b\r\n\r\n\r\nopenai", kMultipart, "model"), "unset");
  EXPECT_EQ(field("", kMultipart, "model"), "unset");
  EXPECT_EQ(field("model=openai", "multipart/form-data", "model"), "unset");
  EXPECT_EQ(field("model=openai", "", "model"), "unset");
}

}  // namespace
}  // namespace apisix::plugin
