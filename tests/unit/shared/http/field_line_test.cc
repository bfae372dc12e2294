// Lines that the gateway makes itself: FieldLine, once, and OwnLines, for each request.
#include "shared/http/field_line.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/http/own_lines.h"

namespace apisix::http {
namespace {

// A line that is called intact is one: what the writer relies on.
void expect_line(const HeaderField& field, std::string_view line) {
  ASSERT_TRUE(field.intact);
  EXPECT_EQ(std::string_view(field.name.data(), line.size()), line);
  EXPECT_EQ(field.value.data(), field.name.data() + field.name.size() + 2);
  EXPECT_EQ(field.value.size() + field.name.size() + kFieldFixedBytes, line.size());
  EXPECT_EQ(identify_header(field.name), field.id);
  EXPECT_FALSE(field.nominated);
}

TEST(FieldLine, IsAWholeLine) {
  const FieldLine server(KnownHeader::kServer, "APISIX");
  EXPECT_FALSE(server.empty());
  EXPECT_EQ(server.value(), "APISIX");
  expect_line(server.field(), "Server: APISIX\r\n");
  expect_line(FieldLine(KnownHeader::kServer, "").field(), "Server: \r\n");
}

TEST(FieldLine, ACopyIsALineOfItsOwn) {
  FieldLine copy;
  {
    const FieldLine first(KnownHeader::kVia, "1");
    copy = first;
    EXPECT_NE(copy.field().name.data(), first.field().name.data());
  }
  expect_line(copy.field(), "Via: 1\r\n");
}

TEST(FieldLine, OfWhatWouldBreakALineNothingIsMade) {
  EXPECT_TRUE(FieldLine().empty());
  EXPECT_EQ(FieldLine().value(), "");
  EXPECT_EQ(FieldLine(KnownHeader::kServer, "a\r\nX: y").value(), "");
  EXPECT_TRUE(FieldLine(KnownHeader::kServer, "a\r\nX: y").empty());
  EXPECT_TRUE(FieldLine(KnownHeader::kServer, std::string_view("a\0", 2)).empty());
  EXPECT_TRUE(FieldLine(KnownHeader::kUnknown, "a").empty());
}

TEST(OwnLines, LieOneBehindTheOther) {
  base::Arena arena;
  HeaderMap map;
  OwnLines lines(arena, map, 3, 2 + 0 + 40);
  lines.add(KnownHeader::kXForwardedProto, "ab");
  lines.add(KnownHeader::kXRealIp, "");
  lines.add(KnownHeader::kXForwardedFor, std::string(40, 'c'));
  const std::string_view behind = arena.copy("behind");
  ASSERT_EQ(map.size(), 3u);
  const HeaderField* field = map.begin();
  expect_line(field[0], "X-Forwarded-Proto: ab\r\n");
  expect_line(field[1], "X-Real-IP: \r\n");
  expect_line(field[2], "X-Forwarded-For: " + std::string(40, 'c') + "\r\n");
  EXPECT_EQ(field[1].name.data(), field[0].value.data() + field[0].value.size() + 2);
  EXPECT_EQ(field[2].name.data(), field[1].value.data() + field[1].value.size() + 2);
  EXPECT_EQ(behind, "behind");
  EXPECT_TRUE(map.has(KnownHeader::kXRealIp));
}

}  // namespace
}  // namespace apisix::http
