#include "shared/format/yaml_comments.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

std::string comments(std::string_view text) {
  std::string out;
  for (const TextRange& range : find_yaml_comments(text)) {
    out += '[' + std::string(text.substr(range.begin, range.end - range.begin)) + ']';
  }
  return out;
}

TEST(YamlComments, BeginAtTheLineOrBehindABlank) {
  EXPECT_EQ(comments("#a\n  #b\nk: v #c\nk: v#d\n#e"), "[#a][#b][#c][#e]");
  EXPECT_EQ(comments("k: v\t# c\r\nx: 1"), "[# c\r]");
}

TEST(YamlComments, AreNotInQuotes) {
  EXPECT_EQ(comments("a: '# 1' # c\n"), "[# c]");
  EXPECT_EQ(comments("a: \"# \\\" # 1\" # c\n"), "[# c]");
  EXPECT_EQ(comments("a: 'it''s # 1' # c\n"), "[# c]");
  EXPECT_EQ(comments("a: \"over\n  # lines\" # c\n"), "[# c]");
  EXPECT_EQ(comments("[\"# 1\",'# 2', !!str \"# 3\"] # c\n"), "[# c]");
  EXPECT_EQ(comments("\"# k\": '# v' # c\n"), "[# c]");
  EXPECT_EQ(comments("{\"a\":\"1 # 2\",'b':'3 # 4'} # c\n"), "[# c]");
}

TEST(YamlComments, QuotesInsideAWordMeanNothing) {
  EXPECT_EQ(comments("a: it's # c\nb: 5\" wide # d\nc: say \"hi # e\n"), "[# c][# d][# e]");
}

TEST(YamlComments, AreNotInBlocksOfText) {
  EXPECT_EQ(comments("a: |\n  # text\n\n  # text\nb: 1 # c\n"), "[# c]");
  EXPECT_EQ(comments("a: >-  # c\n  # text\n# d\n"), "[# c][# d]");
  EXPECT_EQ(comments("- a: |+\n    # text\n  b: 1 # c\n"), "[# c]");
  EXPECT_EQ(comments("a: x |\n"), "");
}

TEST(YamlComments, AnyTextHasAResult) {
  for (const char* text : {"", "#", "'", "\"", "\"\\", "|", "|\n", "'\n#"}) comments(text);
  EXPECT_EQ(comments("'\n#"), "");
}

}  // namespace
}  // namespace apisix::format
