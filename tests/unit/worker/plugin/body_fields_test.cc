// Fields of request bodies, as conditions of routes see them.
#include "worker/plugin/body_fields.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "worker/limits.h"

namespace apisix::plugin {
namespace {

constexpr const char* kMultipart = "multipart/form-data; boundary=b";

std::string field(std::string_view bytes, std::string_view content_type, std::string_view path) {
  BodyFields body;
  body.set(bytes, content_type);
  const format::Json* value = body.field(path);
  return value != nullptr ? format::to_json(*value) : "unset";
}

TEST(BodyFields, PartsOfAForm) {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nopenai\r\n"
      "--b\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; "
      "name=text\r\n\r\na\n\nb\r\n--b--\r\n";
  EXPECT_EQ(field(body, kMultipart, "model"), R"("openai")");
  EXPECT_EQ(field(body, kMultipart, "text"), R"("a\n\nb")");
  EXPECT_EQ(field(body, kMultipart, "other"), "unset");
}

TEST(BodyFields, PartOfAFileHasAName) {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: "
      "a/b\r\n\r\n1\r\n--b\r\n"
      "Content-Disposition: form-data; name=\"g\"\r\nContent-Type: a/b\r\n\r\n2\r\n--b--\r\n";
  EXPECT_EQ(field(body, kMultipart, "f"), R"("1")");
  EXPECT_EQ(field(body, kMultipart, "g"), R"("2")");
}

TEST(BodyFields, PartsWhoseLinesEndWithLfAlone) {
  const std::string body =
      "--b\nContent-Disposition: form-data; name=\"model\"\n\nopenai\n"
      "--b\nContent-Disposition: form-data; name=\"empty\"\n\n\n--b--\n";
  EXPECT_EQ(field(body, kMultipart, "model"), R"("openai")");
  EXPECT_EQ(field(body, kMultipart, "empty"), R"("")");
}

TEST(BodyFields, WhatIsNoFormHasNoFields) {
  EXPECT_EQ(field("--b\nname=model\n--b--", kMultipart, "model"), "unset");
  EXPECT_EQ(field("--b\r\n\r\n\r\nopenai", kMultipart, "model"), "unset");
  EXPECT_EQ(field("", kMultipart, "model"), "unset");
  EXPECT_EQ(field("model=openai", "multipart/form-data", "model"), "unset");
  EXPECT_EQ(field("model=openai", "", "model"), "unset");
}

TEST(BodyFields, PartWithTwoNamesHasTheFirst) {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; "
      "name=\"b\"\r\n\r\n1\r\n--b--";
  EXPECT_EQ(field(body, kMultipart, "a"), R"("1")");
  EXPECT_EQ(field(body, kMultipart, "b"), "unset");
}

TEST(BodyFields, BoundaryLongerThanItMayBeHasNoParts) {
  const auto with_boundary = [](std::size_t size) {
    const std::string boundary(size, '-');
    return field("--" + boundary + "\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--" + boundary,
                 "multipart/form-data; boundary=" + boundary, "a");
  };
  EXPECT_EQ(with_boundary(70), R"("1")");
  EXPECT_EQ(with_boundary(71), "unset");
}

// --- what parsing may cost

std::string list_of(std::size_t values) {
  std::string out = "{\"a\":1,\"b\":[0";
  for (std::size_t i = 1; i < values; ++i) out += ",0";
  return out + "]}";
}

TEST(BodyFields, BodyWithTooManyValuesHasNoFields) {
  const auto before = BodyFields::gave_up_total();
  EXPECT_EQ(field(list_of(limits::kBodyValuesMax - 10), "application/json", "a"), "1");
  EXPECT_EQ(BodyFields::gave_up_total(), before);
  EXPECT_EQ(field(list_of(limits::kBodyValuesMax), "application/json", "a"), "unset");
  EXPECT_EQ(BodyFields::gave_up_total(), before + 1);
}

TEST(BodyFields, LongTextsAreNotManyValues) {
  EXPECT_EQ(field("{\"a\":1,\"t\":\"" + std::string(1 << 20, ',') + "\"}", "application/json", "a"), "1");
}

TEST(BodyFields, BodiesOfTheWorkerShareABudget) {
  const std::string large = list_of(limits::kBodyValuesMax - 10);
  std::vector<std::unique_ptr<BodyFields>> bodies;
  std::size_t with_fields = 0;
  for (std::size_t i = 0; i < 2 * limits::kBodyValuesOfWorkerMax / limits::kBodyValuesMax; ++i) {
    bodies.push_back(std::make_unique<BodyFields>());
    bodies.back()->set(large, "application/json");
    with_fields += bodies.back()->field("a") != nullptr ? 1 : 0;
  }
  EXPECT_EQ(with_fields, limits::kBodyValuesOfWorkerMax / limits::kBodyValuesMax);
  bodies.clear();
  EXPECT_EQ(field(large, "application/json", "a"), "1");
}

TEST(BodyFields, ResultsThatAreWithinOneAnotherAreBounded) {
  std::string nested = "0";
  for (int i = 0; i < 3000; ++i) nested += ",0";
  for (int i = 0; i < 30; ++i) nested = "{\"n\":[" + nested + "]}";
  EXPECT_EQ(field(nested, "application/json", "n[0].n[0]").substr(0, 6), "[{\"n\":");
  EXPECT_EQ(field("{\"a\":1,\"n\":{\"n\":2}}", "application/json", "..n"), R"([{"n":2},2])");
  EXPECT_EQ(field(nested, "application/json", "..n"), "unset");
}

TEST(BodyFields, TextOfAFieldIsMadeOnce) {
  base::Arena arena;
  BodyFields body;
  const std::string bytes = "{\"t\":\"" + std::string(100'000, 'x') + "\",\"l\":[1,2]}";
  body.set(bytes, "application/json");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(body.field_text("t", arena)->size(), 100'000U);
  EXPECT_EQ(body.field_text("l", arena), "[1,2]");
  EXPECT_EQ(body.field_text("none", arena), std::nullopt);
  EXPECT_LE(arena.bytes(), 100'000U + 2 * base::Arena::kBlockBytes);
}

TEST(BodyFields, FormIsDecodedOnce) {
  base::Arena arena;
  BodyFields body;
  const std::string bytes = "a=" + std::string(100'000, '+') + "&b=%31&b=2";
  body.set(bytes, "application/x-www-form-urlencoded");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(body.form_field("a", arena)->size(), 100'000U);
  EXPECT_EQ(body.form_field("b", arena), "1");
  EXPECT_EQ(body.form_field("c", arena), std::nullopt);
  EXPECT_LE(arena.bytes(), 100'000U + 2 * base::Arena::kBlockBytes);
}

TEST(BodyFields, FormFieldsPastTheHundredthAreNotLookedAt) {
  std::string bytes;
  for (int i = 1; i <= 101; ++i) bytes += "f" + std::to_string(i) + "=1&";
  base::Arena arena;
  BodyFields body;
  body.set(bytes, "application/x-www-form-urlencoded");
  EXPECT_EQ(body.form_field("f100", arena), "1");
  EXPECT_EQ(body.form_field("f101", arena), std::nullopt);
}

}  // namespace
}  // namespace apisix::plugin
