#include "master/view/text_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::master {
namespace {

using ::testing::ElementsAre;
using Side = TextTable::Side;

TextTable table() {
  TextTable out({{"ID"}, {"NAME", Side::kLeft, true}, {"COUNT", Side::kRight}});
  out.add({"1", "a-rather-long-name", "12"});
  out.add({"22", "", "3"});
  return out;
}

TEST(TextTable, ColumnsAreAlignedAndEmptyCellsShown) {
  EXPECT_THAT(table().lines({}), ElementsAre("ID  NAME                COUNT",  //
                                             "1   a-rather-long-name     12",  //
                                             "22  -                       3"));
}

TEST(TextTable, LongNamesGiveWay) {
  EXPECT_THAT(table().lines({.columns = 24}), ElementsAre("ID  NAME           COUNT",  //
                                                          "1   a-rather-lo..     12",  //
                                                          "22  -                  3"));
}

TEST(TextTable, NoLineIsWiderThanTheTerminal) {
  for (std::size_t columns = 1; columns < 40; ++columns) {
    for (const std::string& line : table().lines({.columns = columns})) {
      EXPECT_LE(width_of(line), columns) << line;
    }
  }
}

TEST(TextTable, ColoursTakeNoRoom) {
  TextTable one({{"A"}, {"B"}});
  one.add({{"bad", Tone::kBad}, "x"});
  EXPECT_THAT(one.lines({.columns = 80, .colours = true}),
              ElementsAre("\033[1mA\033[0m    \033[1mB\033[0m", "\033[31mbad\033[0m  x"));
}

TEST(TextTable, NothingControlsTheTerminal) {
  EXPECT_EQ(printable("a\033[31m\nb\x7f"), "a?[31m?b?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "?1m");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(TextTable, Utf8IsNotCutInTheMiddle) {
  EXPECT_EQ(width_of("caf\xc3\xa9"), 4u);
  EXPECT_EQ(cut("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3), "\xc3\xa9..");
  EXPECT_EQ(cut("\xc3\xa9\xc3\xa9\xc3\xa9", 3), "\xc3\xa9\xc3\xa9\xc3\xa9");
  EXPECT_EQ(cut("abc", 1), ".");
}

}  // namespace
}  // namespace apisix::master
