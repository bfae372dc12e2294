#include "shared/format/yaml_comments.h"

#include <optional>

#include "shared/base/text.h"

namespace apisix::format {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Reads line by line; a quoted value may go over many.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<TextRange> run() {
    while (at_ < text_.size()) {
      if (!skip_block_line()) read_line();
    }
    return std::move(out_);
  }

 private:
  std::size_t line_end() const {
    const auto end = text_.find('\n', at_);
    return end == text_.npos ? text_.size() : end;
  }

  // A line of a block of text: blank, or as deep as the block's first one.
  bool skip_block_line() {
    if (!block_parent_ && !block_depth_) return false;
    const std::size_t end = line_end();
    const std::string_view line = text_.substr(at_, end - at_);
    const std::size_t depth = line.find_first_not_of(' ');
    const bool is_empty = depth == line.npos || line[depth] == '\r';
    if (!is_empty && !block_depth_ && depth > *block_parent_) block_depth_ = depth;
    if (!is_empty && (!block_depth_ || depth < *block_depth_)) {
      block_parent_.reset();
      block_depth_.reset();
      return false;
    }
    at_ = end + 1;
    return true;
  }

  void read_line() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '\n') {
      const char c = text_[at_];
      if (quote_ != 0) {
        skip_in_quotes(c);
      } else if (c == '#' && (at_ == begin || is_blank(text_[at_ - 1]))) {
        out_.push_back({at_, line_end()});
        note_block(begin, at_);
        at_ = line_end();
        break;
      } else {
        if ((c == '"' || c == '\'') && begins_value(begin)) quote_ = c;
        ++at_;
      }
    }
    if (quote_ == 0 && (out_.empty() || out_.back().end != at_)) note_block(begin, at_);
    ++at_;
  }

  void skip_in_quotes(char c) {
    const bool is_pair = at_ + 1 < text_.size() && text_[at_ + 1] == '\'';
    if (quote_ == '"' && c == '\\') {
      at_ += 2;
    } else if (quote_ == '\'' && c == '\'' && is_pair) {
      at_ += 2;
    } else {
      if (c == quote_) quote_ = 0;
      ++at_;
    }
  }

  // A quote means something only where a value or a key begins: not in `it's`, nor in `5" wide`.
  bool begins_value(std::size_t begin) const {
    std::size_t before = at_;
    while (before > begin && is_blank(text_[before - 1])) --before;
    if (before == begin) return true;
    const char last = text_[before - 1];
    if (last == '[' || last == '{' || last == ',') return true;
    // {"key":"value"}, as in JSON
    const bool is_json =
        last == ':' && before > begin + 1 && (text_[before - 2] == '"' || text_[before - 2] == '\'');
    if (before == at_) return is_json;
    if (last == ':' || last == '-' || last == '?') return true;
    // Behind a tag or an anchor.
    std::size_t word = before;
    while (word > begin && !is_blank(text_[word - 1])) --word;
    return text_[word] == '!' || text_[word] == '&';
  }

  // A line that ends in | or >, with signs of how to indent and to end it, begins a block of text.
  void note_block(std::size_t begin, std::size_t end) {
    std::string_view line = text_.substr(begin, end - begin);
    while (!line.empty() && (is_blank(line.back()) || line.back() == '\r')) line.remove_suffix(1);
    while (!line.empty() && (line.back() == '+' || line.back() == '-' || base::is_digit(line.back()))) {
      line.remove_suffix(1);
    }
    if (line.empty() || (line.back() != '|' && line.back() != '>')) return;
    line.remove_suffix(1);
    if (!line.empty() && !is_blank(line.back())) return;
    const std::size_t depth = line.find_first_not_of(' ');
    // What is deeper than the line, and at the top of a document what is not.
    block_parent_ = depth == line.npos ? 0 : depth;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char quote_ = 0;
  std::optional<std::size_t> block_parent_;  // a block begins with the next line that is deeper than this
  std::optional<std::size_t> block_depth_;   // of its lines
  std::vector<TextRange> out_;
};

}  // namespace

std::vector<TextRange> find_yaml_comments(std::string_view text) {
  return Scanner(text).run();
}

}  // namespace apisix::format
