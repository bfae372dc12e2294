// TextTable: rows of cells as aligned columns, two spaces apart. What is printed comes from stores and
// clients: control characters never reach the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace apisix::master {

enum class Tone : unsigned char { kPlain, kBold, kDim, kGood, kWarning, kBad };

// How wide, and whether with colours.
struct TextStyle {
  std::size_t columns = 0;  // 0: as wide as it becomes
  bool colours = false;
};

// Without control characters.
std::string printable(std::string_view text);
// How many columns UTF-8 text takes; wide characters count as one.
std::size_t width_of(std::string_view text);
// At most `columns` wide; what is cut off leaves "..".
std::string cut(std::string_view text, std::size_t columns);
std::string painted(std::string_view text, Tone tone, const TextStyle& style);

class TextTable {
 public:
  enum class Side : unsigned char { kLeft, kRight };
  struct Column {
    std::string title;
    Side side = Side::kLeft;
    bool may_shrink = false;  // when the table is too wide: names, lists
  };
  struct Cell {
    Cell(std::string text, Tone tone = Tone::kPlain) : text(std::move(text)), tone(tone) {}
    Cell(const char* text) : text(text) {}
    std::string text;  // empty: shown as "-"
    Tone tone = Tone::kPlain;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  std::size_t rows() const { return rows_.size(); }
  // One line per row, the titles first; none is wider than `look` allows.
  std::vector<std::string> lines(const TextStyle& style) const;

 private:
  static constexpr std::size_t kGap = 2;
  static constexpr std::size_t kShrunkMin = 8;

  std::vector<std::size_t> widths(const TextStyle& style) const;
  std::string line(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                   const TextStyle& style) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

void print(const std::vector<std::string>& lines);

}  // namespace apisix::master
