#include "shared/http/header_map.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

using namespace std::string_literals;

std::string text_of(const HeaderMap& map) {
  std::string out;
  for (const HeaderField& field : map) {
    out.append(field.name).append("=").append(field.value).append(";");
  }
  return out;
}

class HeaderMapTest : public ::testing::Test {
 protected:
  base::Arena arena_;
  HeaderMap map_;
};

TEST_F(HeaderMapTest, KeepsOrderAndCase) {
  EXPECT_TRUE(map_.empty());
  EXPECT_TRUE(map_.add(arena_, "hOsT", "a"));
  EXPECT_TRUE(map_.add(arena_, "X-One", "1"));
  EXPECT_TRUE(map_.add(arena_, KnownHeader::kCookie, "c=d"));
  EXPECT_EQ(text_of(map_), "hOsT=a;X-One=1;Cookie=c=d;");
  EXPECT_EQ(map_.size(), 3u);
}

TEST_F(HeaderMapTest, FindsWithoutCase) {
  ASSERT_TRUE(map_.add(arena_, "HOST", "a"));
  ASSERT_TRUE(map_.add(arena_, "X-One", "1"));
  ASSERT_TRUE(map_.add(arena_, "x-one", "2"));
  EXPECT_EQ(map_.find(KnownHeader::kHost)->value, "a");
  EXPECT_EQ(map_.find("host")->value, "a");
  EXPECT_EQ(map_.find("x-ONE")->value, "1");
  EXPECT_EQ(map_.find("X-Two"), nullptr);
  EXPECT_EQ(map_.find(KnownHeader::kCookie), nullptr);
  EXPECT_EQ(map_.value(KnownHeader::kHost), "a");
  EXPECT_EQ(map_.value(KnownHeader::kDate), "");
  EXPECT_EQ(map_.count("X-One"), 2u);
  EXPECT_EQ(map_.count(KnownHeader::kHost), 1u);
  EXPECT_EQ(map_.count("X-Two"), 0u);
}

TEST_F(HeaderMapTest, SetReplacesTheFirstAndRemovesTheOthers) {
  for (const char* name : {"A", "Cookie", "B", "cookie", "X-Y", "x-y"}) {
    ASSERT_TRUE(map_.add(arena_, name, "old"));
  }
  EXPECT_TRUE(map_.set(arena_, KnownHeader::kCookie, "new"));
  EXPECT_TRUE(map_.set(arena_, "X-y", "new"));
  EXPECT_EQ(text_of(map_), "A=old;Cookie=new;B=old;X-y=new;");
  EXPECT_TRUE(map_.set(arena_, "C", "new"));
  EXPECT_TRUE(map_.set(arena_, KnownHeader::kDate, "new"));
  EXPECT_EQ(text_of(map_), "A=old;Cookie=new;B=old;X-y=new;C=new;Date=new;");
}

TEST_F(HeaderMapTest, AppendIfTakesWhatIsWanted) {
  HeaderMap from;
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(from.add(arena_, i % 2 == 0 ? "Cookie" : "Via", arena_.copy(std::to_string(i))));
  ASSERT_TRUE(map_.add(arena_, "A", "old"));
  map_.append_if(arena_, from, [](const HeaderField& field) {
    return field.id == KnownHeader::kCookie && field.value.size() == 2;
  });
  EXPECT_EQ(text_of(map_), "A=old;Cookie=10;Cookie=12;Cookie=14;Cookie=16;Cookie=18;");
  EXPECT_TRUE(map_.has(KnownHeader::kCookie));
  EXPECT_FALSE(map_.has(KnownHeader::kVia));
  EXPECT_EQ(from.size(), 20u);
}

TEST_F(HeaderMapTest, SetTellsNamesOfOneLengthApart) {
  for (const char* name : {"X-RateLimit-Limit", "X-RateLimit-Reset", "Y-RateLimit-Limit", "X-A", "X-B"}) {
    map_.add(arena_, name, "old");
  }
  map_.set(arena_, "x-ratelimit-RESET", "new");
  map_.set(arena_, "x-b", "new");
  EXPECT_EQ(map_.size(), 5U);
  EXPECT_EQ(map_.find("X-RateLimit-Limit")->value, "old");
  EXPECT_EQ(map_.find("Y-RateLimit-Limit")->value, "old");
  EXPECT_EQ(map_.find("X-RateLimit-Reset")->value, "new");
  EXPECT_EQ(map_.find("X-A")->value, "old");
  EXPECT_EQ(map_.find("X-B")->value, "new");
}

TEST_F(HeaderMapTest, SetForgetsWhatTheParserSaidAboutTheOldField) {
  map_.push(arena_, HeaderField{"X-A", "1", KnownHeader::kUnknown, true, true});
  ASSERT_TRUE(map_.set(arena_, "X-A", "2"));
  EXPECT_FALSE(map_.find("X-A")->nominated);
  EXPECT_FALSE(map_.find("X-A")->intact);
}

TEST_F(HeaderMapTest, RemoveSaysHowManyAndKeepsWhatIsPresent) {
  for (const char* name : {"Cookie", "A", "cookie", "Host", "a"}) ASSERT_TRUE(map_.add(arena_, name, "v"));
  EXPECT_EQ(map_.remove(KnownHeader::kCookie), 2u);
  EXPECT_FALSE(map_.has(KnownHeader::kCookie));
  EXPECT_TRUE(map_.has(KnownHeader::kHost));
  EXPECT_TRUE(map_.has(KnownHeader::kUnknown));
  EXPECT_EQ(map_.remove("A"), 2u);
  EXPECT_FALSE(map_.has(KnownHeader::kUnknown));
  EXPECT_EQ(map_.remove("A"), 0u);
  EXPECT_EQ(map_.remove("HOST"), 1u);
  EXPECT_TRUE(map_.empty());
  EXPECT_TRUE(map_.present().empty());
}

TEST_F(HeaderMapTest, RemoveIf) {
  for (const char* name : {"X-Consumer-A", "Host", "X-Consumer-B"}) ASSERT_TRUE(map_.add(arena_, name, "v"));
  EXPECT_EQ(map_.remove_if([](const HeaderField& field) { return field.name.starts_with("X-Consumer-"); }),
            2u);
  EXPECT_EQ(text_of(map_), "Host=v;");
}

TEST_F(HeaderMapTest, RefusesWhatWouldBreakALine) {
  ASSERT_TRUE(map_.add(arena_, "A", "old"));
  for (const std::string& bad : {"a\r\nB: c"s, "a\n"s, "a\r"s, "\0"s, "a\x01"s, "a\x7f"s}) {
    EXPECT_FALSE(map_.add(arena_, "A", bad));
    EXPECT_FALSE(map_.set(arena_, "A", bad));
    EXPECT_FALSE(map_.add(arena_, KnownHeader::kCookie, bad));
    EXPECT_FALSE(map_.set(arena_, KnownHeader::kCookie, bad));
  }
  for (const std::string& bad : {""s, "a b"s, "a:"s, "a\r"s, "a\0"s, "\xe4"s, "a,b"s}) {
    EXPECT_FALSE(map_.add(arena_, bad, "v"));
    EXPECT_FALSE(map_.set(arena_, bad, "v"));
  }
  EXPECT_EQ(text_of(map_), "A=old;");
  EXPECT_TRUE(map_.set(arena_, "A", "tab\t, \xc3\xa4 and nothing else"));
  EXPECT_TRUE(map_.set(arena_, "A", ""));
}

TEST_F(HeaderMapTest, GrowsBeyondItsFirstCapacity) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(map_.add(arena_, arena_.copy("X-" + std::to_string(i)), arena_.copy(std::to_string(i))));
  }
  EXPECT_EQ(map_.size(), 200u);
  EXPECT_EQ(map_.find("x-0")->value, "0");
  EXPECT_EQ(map_.find("x-199")->value, "199");
}

// Every position of a control character, on both sides of the 16 bytes that are looked at at once.
TEST(HeaderValue, ControlCharactersAreFoundEverywhere) {
  for (std::size_t size = 0; size < 50; ++size) {
    const std::string good(size, 'v');
    EXPECT_TRUE(is_valid_header_value(good));
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text = good;
        text[at] = static_cast<char>(c);
        const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        EXPECT_EQ(is_valid_header_value(text), !control) << size << " " << at << " " << c;
      }
    }
  }
}

TEST(Token, HasTheCharactersOfTheRfc) {
  const std::string allowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int c = 0; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    EXPECT_EQ(is_token(text), allowed.find(text) != std::string::npos) << c;
  }
  EXPECT_TRUE(is_token(allowed));
  EXPECT_FALSE(is_token(""));
}

TEST(HeaderMap, AValidValueReplacesTheFirstFieldAndRemovesTheOthers) {
  base::Arena arena;
  HeaderMap map;
  map.set_valid(arena, KnownHeader::kServer, "one");
  EXPECT_EQ(map.value(KnownHeader::kServer), "one");
  EXPECT_TRUE(map.add(arena, KnownHeader::kServer, "two"));
  map.set_valid(arena, KnownHeader::kServer, "three");
  EXPECT_EQ(map.count(KnownHeader::kServer), 1u);
  EXPECT_EQ(map.value(KnownHeader::kServer), "three");
}

}  // namespace
}  // namespace apisix::http
