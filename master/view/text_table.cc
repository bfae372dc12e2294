#include "master/view/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

namespace apisix::master {
namespace {

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::string shown(const TextTable::Cell& cell) {
  return cell.text.empty() ? "-" : printable(cell.text);
}

}  // namespace

// C0 and C1 (in UTF-8: C2 80 to C2 9F) control the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool is_c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c < 0x20 || c == 0x7f || is_c1) {
      out += '?';
      i += is_c1 ? 1 : 0;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !continues_character(c); }));
}

std::string cut(std::string_view text, std::size_t columns) {
  constexpr std::string_view kMark = "..";
  if (width_of(text) <= columns) return std::string(text);
  const std::size_t kept = columns > kMark.size() ? columns - kMark.size() : 0;
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size(); ++at) {
    if (!continues_character(text[at]) && count++ == kept) break;
  }
  return std::string(text.substr(0, at)) + std::string(kMark.substr(0, columns));
}

std::string painted(std::string_view text, Tone tone, const TextStyle& style) {
  static constexpr std::array<const char*, 6> kCodes = {"", "1", "2", "32", "33", "31"};
  if (!style.colours || tone == Tone::kPlain || text.empty()) return std::string(text);
  return "\033[" + std::string(kCodes[static_cast<std::size_t>(tone)]) + "m" + std::string(text) + "\033[0m";
}

std::vector<std::size_t> TextTable::widths(const TextStyle& style) const {
  std::vector<std::size_t> out;
  for (const Column& column : columns_) out.push_back(width_of(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) out[i] = std::max(out[i], width_of(shown(row[i])));
  }
  std::size_t all = std::accumulate(out.begin(), out.end(), kGap * (columns_.size() - 1));
  while (style.columns != 0 && all > style.columns) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool can = columns_[i].may_shrink && out[i] > std::max(kShrunkMin, width_of(columns_[i].title));
      if (can && (widest == columns_.size() || out[i] > out[widest])) widest = i;
    }
    if (widest == columns_.size()) break;
    --out[widest];
    --all;
  }
  return out;
}

// The last cell of a line that is still too wide is cut, and what would follow it is left out.
std::string TextTable::line(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                            const TextStyle& style) const {
  std::string out;
  std::size_t used = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t gap = i == 0 ? 0 : kGap;
    std::size_t width = widths[i];
    if (style.columns != 0) {
      if (used + gap >= style.columns) break;
      width = std::min(width, style.columns - used - gap);
    }
    const std::string text = cut(shown(row[i]), width);
    const std::string fill(width - width_of(text), ' ');
    const bool is_last = i + 1 == row.size();
    const bool on_right = columns_[i].side == Side::kRight;
    out += std::string(gap, ' ') + (on_right ? fill : "") + painted(text, row[i].tone, style);
    if (!on_right && !is_last) out += fill;
    used += gap + width;
  }
  return out;
}

std::vector<std::string> TextTable::lines(const TextStyle& style) const {
  const std::vector<std::size_t> all = widths(style);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title, Tone::kBold);
  std::vector<std::string> out = {line(titles, all, style)};
  for (const auto& row : rows_) out.push_back(line(row, all, style));
  return out;
}

void print(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
}

}  // namespace apisix::master
