// What regular expressions may take together. Counted in steps: none of these tests looks at a clock.
#include "shared/format/regex_budget.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/format/regex.h"

namespace apisix::format {
namespace {

constexpr const char* kEvil = "^(a+)+$";

Regex regex(std::string_view pattern, std::string_view letters = "") {
  return std::move(*Regex::compile(pattern, *RegexOptions::parse(letters)));
}

std::uint64_t steps_of(const Regex& pattern, std::string_view subject) {
  RegexBudget budget;
  pattern.match(subject, budget);
  return RegexBudget::kRequestSteps - budget.left();
}

TEST(RegexBudget, OrdinaryMatchIsChargedByItsSize) {
  const std::string agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
  const std::uint64_t most = (agent.size() + 1) * Regex::kStepsPerByte;
  for (const char* pattern : {"(Twitterspider)/(\\d+)\\.(\\d+)", "bing|yahoo", ".*zot.*", "[a-z]+\\d+$",
                              "(\\w+\\.)+com", "(?i)googlebot"}) {
    EXPECT_LE(steps_of(regex(pattern), agent), most) << pattern;
    EXPECT_GE(steps_of(regex(pattern), agent), Regex::kStepsPerByte) << pattern;
  }
  EXPECT_EQ(steps_of(regex("^/api/v(\\d+)/"), "/api/v12/users"), Regex::kStepsPerByte);
}

TEST(RegexBudget, BacktrackingMatchGivesUpAndLeavesSomethingForOthers) {
  RegexBudget budget;
  EXPECT_EQ(regex(kEvil).match(std::string(40, 'a') + "!", budget), Match::kGaveUp);
  EXPECT_EQ(budget.gave_up(), 1U);
  EXPECT_LE(RegexBudget::kRequestSteps - budget.left(), Regex::kMatchSteps + 1000);
  EXPECT_EQ(regex("b").match("abc", budget), Match::kYes);
}

TEST(RegexBudget, ManyBacktrackingMatchesEndTogether) {
  const Regex evil = regex(kEvil);
  const std::string subject = std::string(40, 'a') + "!";
  RegexBudget budget;
  int tried = 0;
  while (!budget.is_used_up() && tried < 100) {
    EXPECT_EQ(evil.match(subject, budget), Match::kGaveUp);
    ++tried;
  }
  EXPECT_LE(tried, 20);
  EXPECT_EQ(regex("b").match("abc", budget), Match::kGaveUp);
  EXPECT_EQ(regex("b").replace_first("abc", "x", &budget).error().code, base::ErrorCode::kTooLarge);
}

// Each of these stays below any limit for one place to begin; it is their number that costs.
TEST(RegexBudget, ManyPlacesToBeginAreCountedTogether) {
  std::string subject;
  for (int i = 0; i < 400; ++i) subject += std::string(16, 'a') + "!";
  RegexBudget budget;
  EXPECT_EQ(regex("(a+)+[bc]").match(subject + "b", budget), Match::kGaveUp);
  EXPECT_TRUE(budget.is_used_up());
}

TEST(RegexBudget, LongAndShortSubjectsOfOneSizeCostTheSame) {
  const Regex pattern = regex("[0-9]+x");
  RegexBudget whole;
  RegexBudget pieces;
  pattern.match(std::string(8000, 'b'), whole);
  for (int i = 0; i < 100; ++i) pattern.match(std::string(80, 'b'), pieces);
  EXPECT_NEAR(static_cast<double>(whole.left()), static_cast<double>(pieces.left()),
              100 * Regex::kStepsPerByte);
}

// The slow way, place by place, finds what one run finds.
TEST(RegexBudget, TryingPlacesInGroupsFindsTheSame) {
  const std::string hard = std::string(12, 'a') + "! " + std::string(11, 'a') + "!\n";
  std::string subject;
  for (int i = 0; i < 20; ++i) subject += hard;
  struct Case {
    const char* pattern;
    const char* letters;
    std::string subject;
    std::size_t at;
  };
  const Case cases[] = {
      {"(a+)+b", "", subject + "aab", subject.size()},
      {"(a|aa)+[bc]", "", subject + "xxc aac", subject.size() + 4},
      {"^(a+)+[bc]$", "m", subject + "aac", subject.size()},
      {"(?<=!\\n)(a+)+z?[bc]", "", subject + "aac", subject.size()},
      {"(a+)+[bc]", "u", subject + "\u00e9\u00e9aac", subject.size() + 4},
      {".*(a+)+[bc]", "", subject + "aac", subject.size()},
      {"(a+)+[bc]", "s", subject + "c aac", subject.size() + 2},
  };
  for (const Case& c : cases) {
    RegexBudget budget(1'000'000'000);
    std::string_view groups[2];
    ASSERT_EQ(regex(c.pattern, c.letters).search(c.subject, groups, budget), Match::kYes) << c.pattern;
    EXPECT_EQ(static_cast<std::size_t>(groups[0].data() - c.subject.data()), c.at) << c.pattern;
  }
}

// As in one run, which tries what begins with .* at the front of each line only.
TEST(RegexBudget, LongLineIsTriedFromItsFrontOnly) {
  std::string line;
  while (line.size() < 4000) line += "field=value&";
  for (const char* pattern : {".*(union|evil).*", ".*[;|].*cmd", ".*value.*evil.*"}) {
    RegexBudget budget;
    EXPECT_EQ(regex(pattern).match(line, budget), Match::kNo) << pattern;
    EXPECT_LE(RegexBudget::kRequestSteps - budget.left(), RegexBudget::kRequestSteps / 4) << pattern;
  }
  const std::string lines = line + "\n" + line + "\n\u00e9" + line + "evil";
  for (const char* letters : {"", "u"}) {
    RegexBudget budget;
    std::string_view groups[2];
    ASSERT_EQ(regex(".*(union|evil)", letters).search(lines, groups, budget), Match::kYes);
    EXPECT_EQ(static_cast<std::size_t>(groups[0].data() - lines.data()), 2 * line.size() + 2);
  }
}

TEST(RegexBudget, VerbsAndAnchorsOfTheMatchKeepTheirMeaning) {
  const std::string subject = std::string(12, 'a') + "!" + std::string(3, 'a') + "b";
  RegexBudget budget(1'000'000'000);
  EXPECT_EQ(regex("(*COMMIT)(a+)+[bc]").match(subject, budget), Match::kNo);
  EXPECT_EQ(regex("\\G(a+)+[bc]").match(subject, budget), Match::kNo);
  EXPECT_EQ(regex("(a+)+[bc]").match(subject, budget), Match::kYes);
  EXPECT_EQ(budget.gave_up(), 0U);
}

TEST(RegexBudget, ReplacingThatGivesUpIsAnError) {
  const auto replaced = regex("(a+)+[bc]").replace_all(std::string(60, 'a') + "!b", "x");
  ASSERT_FALSE(replaced);
  EXPECT_NE(replaced.error().what.find("gave up on a subject of 62 bytes"), std::string::npos);
}

TEST(RegexBudget, ReplacingInALongTextIsChargedOnceForItsSize) {
  std::string subject;
  for (int i = 0; i < 1000; ++i) subject += "one two ";
  RegexBudget budget;
  EXPECT_EQ(regex("t(w)o").replace_all(subject, "2", SIZE_MAX, &budget)->count, 1000U);
  EXPECT_LE(RegexBudget::kRequestSteps - budget.left(), 2 * subject.size() * Regex::kStepsPerByte);
}

}  // namespace
}  // namespace apisix::format
