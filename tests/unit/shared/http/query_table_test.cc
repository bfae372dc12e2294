#include "shared/http/query_table.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/http/uri.h"

namespace apisix::http {
namespace {

class QueryTableTest : public ::testing::Test {
 protected:
  // "(none)": no such argument; "(flag)": it has no '='.
  std::string value(std::string_view query, std::string_view name) {
    const QueryTable table(arena_.copy(query), arena_);
    const auto found = table.find(name);
    if (!found) return "(none)";
    return found->has_value ? std::string(found->value) : "(flag)";
  }

  base::Arena arena_;
};

TEST_F(QueryTableTest, NamesAndValuesAreDecoded) {
  EXPECT_EQ(value("user=bob", "user"), "bob");
  EXPECT_EQ(value("us%65r=b%6fb", "user"), "bob");
  EXPECT_EQ(value("a+b=c+d%2Be", "a b"), "c d+e");
  EXPECT_EQ(value("a=%E5%BC%A0", "a"), "\xE5\xBC\xA0");
  EXPECT_EQ(value("a=1%262&b=3", "a"), "1&2");
  EXPECT_EQ(value("a=%00b", "a"), std::string("\0b", 2));
}

TEST_F(QueryTableTest, MalformedEscapesStay) {
  EXPECT_EQ(value("v=%", "v"), "%");
  EXPECT_EQ(value("v=%zz%41", "v"), "%zzA");
}

TEST_F(QueryTableTest, TheFirstOfAnyNumberWins) {
  EXPECT_EQ(value("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(value("%61=1&a=2", "a"), "1");
  EXPECT_EQ(value("a&a=2", "a"), "(flag)");
  EXPECT_EQ(value("a=&a=2", "a"), "");
}

TEST_F(QueryTableTest, NamesHaveACaseAndMayBeMissing) {
  EXPECT_EQ(value("A=1", "a"), "(none)");
  EXPECT_EQ(value("=x&&b=2", ""), "(none)");
  EXPECT_EQ(value("=x&&b=2", "b"), "2");
  EXPECT_EQ(value("a=1;b=2", "a"), "1;b=2");
  EXPECT_EQ(value("a=b=c", "a"), "b=c");
  EXPECT_EQ(value("", "a"), "(none)");
}

TEST_F(QueryTableTest, FindsEachOfVeryMany) {
  std::string query;
  for (int i = 0; i < 3000; ++i)
    query += "n" + std::to_string(i * 7919 % 3000) + "=" + std::to_string(i) + "&";
  const QueryTable table(query, arena_);
  EXPECT_EQ(table.size(), 3000u);
  for (int i = 0; i < 3000; ++i) {
    const auto found = table.find("n" + std::to_string(i * 7919 % 3000));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->value, std::to_string(i));
  }
}

// A client decides how many there are.
TEST_F(QueryTableTest, MemoryIsLinearInTheQuery) {
  std::string query = "%41=1";
  while (query.size() < 32'768) query += "&a=";
  const std::size_t before = arena_.bytes();
  const QueryTable table(query, arena_);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_LE(arena_.bytes() - before,
            query.size() / 3 * QueryTable::kBytesPerArg + query.size() + 2 * base::Arena::kBlockBytes);
}

TEST_F(QueryTableTest, AgreesWithTheSearchThroughTheQuery) {
  for (const char* query : {"a=1&b=2", "b&a=%20&a=2", "%62=x&c", "&&&", "a=1&%=2&%4=3&b=%4"}) {
    for (const char* name : {"a", "b", "c", "%", "%4"}) {
      const auto raw = find_arg(query, name);
      const QueryTable table(query, arena_);
      const auto found = table.find(name);
      ASSERT_EQ(raw.has_value(), found.has_value()) << query << ' ' << name;
      if (raw) EXPECT_EQ(unescape(*raw, arena_), found->value) << query << ' ' << name;
    }
  }
}

}  // namespace
}  // namespace apisix::http
