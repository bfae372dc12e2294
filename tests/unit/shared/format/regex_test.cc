#include "shared/format/regex.h"

#include <array>
#include <chrono>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

Regex regex(std::string_view pattern, std::string_view letters = "") {
  return Regex::compile(pattern, RegexOptions::parse(letters).value()).value();
}

TEST(Regex, FindsAnywhereUnlessAnchored) {
  EXPECT_TRUE(regex("b+").matches("abbc"));
  EXPECT_FALSE(regex("b+", "a").matches("abbc"));
  EXPECT_TRUE(regex("^/foo").matches("/foobar"));
  EXPECT_FALSE(regex("B").matches("abc"));
  EXPECT_TRUE(regex("B", "i").matches("abc"));
  EXPECT_TRUE(regex("").matches(""));
  EXPECT_TRUE(regex("^b$", "m").matches("a\nb"));
  EXPECT_FALSE(regex("a.b").matches("a\nb"));
  EXPECT_TRUE(regex("a.b", "s").matches("a\nb"));
  EXPECT_TRUE(regex("a b # comment", "x").matches("ab"));
  EXPECT_TRUE(regex(std::string_view("a\0b", 3)).matches(std::string_view("xa\0b", 4)));
}

TEST(Regex, WorksOnBytesUnlessToldUtf) {
  EXPECT_TRUE(regex("^...$").matches("\xff\xfe\xfd"));
  EXPECT_FALSE(regex("^.$").matches("\u00e9"));
  EXPECT_TRUE(regex("^.$", "u").matches("\u00e9"));
  EXPECT_FALSE(regex("^.$", "u").matches("\xff"));
}

TEST(Regex, GroupsAreViewsOfTheSubject) {
  const std::string subject = "key=value";
  std::array<std::string_view, 5> groups;
  ASSERT_TRUE(regex("(?<name>[a-z]+)=(x)?([a-z]+)").search(subject, groups));
  EXPECT_EQ(groups[0], "key=value");
  EXPECT_EQ(groups[1], "key");
  EXPECT_EQ(groups[2].data(), nullptr);
  EXPECT_EQ(groups[3], "value");
  EXPECT_EQ(groups[4].data(), nullptr);
  EXPECT_EQ(groups[3].data(), subject.data() + 4);
  EXPECT_EQ(regex("(?<name>[a-z]+)=(?<value>.*)").group_number("value"), 2u);
  EXPECT_EQ(regex("(?<name>[a-z]+)").group_number("none"), std::nullopt);
  EXPECT_EQ(regex("(?<n>a)|(?<n>b)", "D").group_number("n"), 1u);
}

TEST(Regex, SearchGoesOnFromAnOffset) {
  std::array<std::string_view, 1> groups;
  const Regex digit = regex("[0-9]");
  ASSERT_TRUE(digit.search("a1b2", groups, 2));
  EXPECT_EQ(groups[0], "2");
  EXPECT_FALSE(digit.search("a1b2", groups, 4));
  EXPECT_FALSE(digit.search("a1b2", groups, 5));
}

TEST(Regex, MoreGroupsThanTheScratchHoldsStillMatch) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "(a)";
  const std::string subject(100, 'a');
  std::array<std::string_view, 101> groups;
  ASSERT_TRUE(regex(pattern).search(subject, groups));
  EXPECT_EQ(groups[Regex::kGroupsMax], "a");
  EXPECT_EQ(groups[Regex::kGroupsMax + 1].data(), nullptr);
}

TEST(Regex, ABadPatternSaysWhere) {
  const auto result = Regex::compile("a(b");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "bad regex \"a(b\" at offset 3: missing closing parenthesis");
  EXPECT_FALSE(Regex::compile(std::string(Regex::kPatternBytesMax + 1, 'a')));
  EXPECT_FALSE(RegexOptions::parse("q"));
}

TEST(Regex, ReplacesWithGroups) {
  EXPECT_EQ(regex("^/iresty/(.*)").replace_first("/iresty/world", "/$1")->text, "/world");
  EXPECT_EQ(regex("(a)(b)?").replace_first("xab-ab", "[${2}$1$0]")->text, "x[baab]-ab");
  EXPECT_EQ(regex("a").replace_all("banana", "$$")->text, "b$n$n$");
  EXPECT_EQ(regex("a").replace_all("banana", "o")->count, 3u);
  EXPECT_EQ(regex("z").replace_all("banana", "o")->text, "banana");
  EXPECT_EQ(regex("a").replace_first("banana", "$7")->text, "bnana");
}

TEST(Regex, ReplacesEmptyMatchesOnceEach) {
  EXPECT_EQ(regex("a*").replace_all("baac", "x")->text, "xbxxcx");
  EXPECT_EQ(regex("").replace_all("ab", "-")->text, "-a-b-");
  EXPECT_EQ(regex("", "u").replace_all("\u00e9a", "-")->text, "-\u00e9-a-");
}

TEST(Regex, RefusesABadReplacementTemplate) {
  for (const char* bad : {"$", "$a", "${", "${1", "${a}", "x$"}) {
    EXPECT_FALSE(regex("a").replace_all("a", bad)) << bad;
  }
  EXPECT_EQ(regex("").replace_all(std::string(100, 'a'), "xxxx", 200).error().code,
            base::ErrorCode::kTooLarge);
}

// Catastrophic backtracking must end within milliseconds, as "no match".
TEST(Regex, GivesUpOnCatastrophicBacktracking) {
  const std::string subject = std::string(5000, 'a') + "!";
  // Character classes keep the matcher from giving up at once because a required letter is missing.
  for (const char* pattern : {"(a+)+$", "(a|aa)+$", "(.*a){20}[bc]", "^(([a-z])+.)+[A-Z]([a-z])+$",
                              "(a|a|a)*[bc]", "(?:(?:a*)*)*[bc]", "(a*a*a*a*)*[bc]"}) {
    const Regex compiled = regex(pattern);
    const auto before = Regex::gave_up_total();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(compiled.matches(subject)) << pattern;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    EXPECT_GT(Regex::gave_up_total(), before) << pattern;
    EXPECT_LT(took.count(), 500) << pattern;  // a slow, shared machine with sanitizers
    RecordProperty(pattern, std::to_string(took.count()));
  }
}

TEST(Regex, AnHonestPatternOnALargeSubjectIsNotCutOff) {
  std::string subject(2 * 1024 * 1024, 'x');
  subject += "needle42";
  EXPECT_TRUE(regex("[a-z]dle[0-9]+").matches(subject));
  EXPECT_TRUE(regex("needle(\\d+)$").matches(subject));
}

TEST(LazyRegex, CompilesOnceAndABadOneNeverMatches) {
  const LazyRegex good("^a");
  ASSERT_NE(good.get(), nullptr);
  EXPECT_EQ(good.get(), good.get());
  EXPECT_EQ(good.error(), std::nullopt);
  const LazyRegex bad("(");
  EXPECT_NE(bad.error()->find("missing closing parenthesis"), std::string::npos);
  EXPECT_EQ(bad.get(), nullptr);
}

}  // namespace
}  // namespace apisix::format
