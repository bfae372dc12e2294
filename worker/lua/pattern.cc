#include "worker/lua/pattern.h"

namespace apisix::lua {
namespace {

// Lua's words.
constexpr const char* kEndsWithPercent = "malformed pattern (ends with '%')";
constexpr const char* kNoClosingBracket = "malformed pattern (missing ']')";
constexpr const char* kNoSetBehindFrontier = "missing '[' after '%f' in pattern";
constexpr const char* kUnbalanced = "unbalanced pattern";
constexpr const char* kBadClose = "invalid pattern capture";
constexpr const char* kBadNumber = "invalid capture index";
constexpr const char* kTooManyCaptures = "too many captures";
constexpr const char* kStopped = "stopped: it ran longer than lua.cpu_limit";

constexpr bool is_lower(unsigned c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(unsigned c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_digit(unsigned c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(unsigned c) {
  return is_lower(c) || is_upper(c);
}
constexpr bool is_graph(unsigned c) {
  return c > ' ' && c < 0x7f;
}

// Of %x: whether `c` is in the class that the lower case letter names. False, too, for letters that name
// none; see is_class().
bool is_in_class(char letter, unsigned c) {
  switch (letter) {
    case 'a':
      return is_alpha(c);
    case 'c':
      return c < ' ' || c == 0x7f;
    case 'd':
      return is_digit(c);
    case 'g':
      return is_graph(c);
    case 'l':
      return is_lower(c);
    case 'p':
      return is_graph(c) && !is_alpha(c) && !is_digit(c);
    case 's':
      return c == ' ' || (c >= '\t' && c <= '\r');
    case 'u':
      return is_upper(c);
    case 'w':
      return is_alpha(c) || is_digit(c);
    case 'x':
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case 'z':
      return c == 0;
    default:
      return false;
  }
}

bool is_class(char lower) {
  return std::string_view("acdglpsuwxz").contains(lower);
}

// What %c stands for.
void add_escaped(Pattern::Set& set, char c) {
  const auto lower = static_cast<char>(is_upper(static_cast<unsigned char>(c)) ? c + ('a' - 'A') : c);
  if (!is_class(lower)) {
    set.set(static_cast<unsigned char>(c));
    return;
  }
  for (unsigned i = 0; i < set.size(); ++i) {
    if (is_in_class(lower, i) == (lower == c)) set.set(i);
  }
}

}  // namespace

class Pattern::Reader {
 public:
  Reader(std::string_view text, std::vector<Item>& items) : text_(text), items_(items) {}

  void read_all() {
    while (at_ < text_.size() && !has_failed_) read_one();
  }

 private:
  bool is_left(std::size_t count) const { return text_.size() - at_ >= count; }
  void add(Kind kind) { items_.push_back({.kind = kind}); }
  void fail(const char* fault) {
    items_.push_back({.kind = Kind::kFault, .fault = fault});
    has_failed_ = true;
  }

  void read_one() {
    const char c = text_[at_];
    if (c == '(') {
      const bool is_position = is_left(2) && text_[at_ + 1] == ')';
      add(is_position ? Kind::kPosition : Kind::kOpen);
      at_ += is_position ? 2 : 1;
    } else if (c == ')') {
      add(Kind::kClose);
      ++at_;
    } else if (c == '$' && at_ + 1 == text_.size()) {
      add(Kind::kEnd);
      ++at_;
    } else if (c == '%' && is_left(2) && read_special(text_[at_ + 1])) {
      return;
    } else {
      Item item{.kind = Kind::kOne};
      if (read_set(item.set)) read_suffix(std::move(item));
    }
  }

  // False: it is a class or an escaped character.
  bool read_special(char c) {
    if (c == 'b') {
      if (!is_left(4)) {
        fail(kUnbalanced);
      } else {
        items_.push_back({.kind = Kind::kBalanced, .first = text_[at_ + 2], .last = text_[at_ + 3]});
        at_ += 4;
      }
      return true;
    }
    if (c == 'f') {
      at_ += 2;
      if (at_ == text_.size() || text_[at_] != '[') {
        fail(kNoSetBehindFrontier);
        return true;
      }
      Item item{.kind = Kind::kFrontier};
      if (read_set(item.set)) items_.push_back(item);
      return true;
    }
    if (!is_digit(static_cast<unsigned char>(c))) return false;
    // %0 is none, which the match finds.
    items_.push_back({.kind = Kind::kSame, .number = static_cast<std::uint8_t>(c - '1')});
    at_ += 2;
    return true;
  }

  // One character, class or set. False: it failed.
  bool read_set(Set& set) {
    const char c = text_[at_++];
    if (c == '.') {
      set.set();
    } else if (c == '[') {
      return read_brackets(set);
    } else if (c != '%') {
      set.set(static_cast<unsigned char>(c));
    } else if (at_ == text_.size()) {
      fail(kEndsWithPercent);
      return false;
    } else {
      add_escaped(set, text_[at_++]);
    }
    return true;
  }

  // Behind the '['. A ']' that comes first is one of the set.
  bool read_brackets(Set& set) {
    const bool is_inverted = is_left(1) && text_[at_] == '^';
    if (is_inverted) ++at_;
    const std::size_t end = find_bracket();
    if (end == text_.npos) {
      fail(kNoClosingBracket);
      return false;
    }
    while (at_ < end) {
      const char c = text_[at_++];
      if (c == '%' && at_ < end) {
        add_escaped(set, text_[at_++]);
      } else if (at_ + 1 < end && text_[at_] == '-') {
        const auto last = static_cast<unsigned char>(text_[at_ + 1]);
        for (unsigned i = static_cast<unsigned char>(c); i <= last; ++i) set.set(i);
        at_ += 2;
      } else {
        set.set(static_cast<unsigned char>(c));
      }
    }
    at_ = end + 1;
    if (is_inverted) set.flip();
    return true;
  }

  std::size_t find_bracket() const {
    std::size_t i = at_;
    do {
      if (i >= text_.size()) return text_.npos;
      if (text_[i++] == '%') ++i;
    } while (i >= text_.size() || text_[i] != ']');
    return i;
  }

  void read_suffix(Item item) {
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    ++at_;
    switch (c) {
      case '?':
        item.kind = Kind::kMaybe;
        break;
      case '+':
        item.needs_one = true;
        [[fallthrough]];
      case '*':
        item.kind = Kind::kMany;
        break;
      case '-':
        item.kind = Kind::kFew;
        break;
      default:
        --at_;
    }
    items_.push_back(item);
  }

  const std::string_view text_;
  std::vector<Item>& items_;
  std::size_t at_ = 0;
  bool has_failed_ = false;
};

Pattern::Pattern(std::string_view text, bool anchors) {
  is_anchored_ = anchors && text.starts_with('^');
  if (is_anchored_) text.remove_prefix(1);
  Reader(text.substr(0, text.find('\0')), items_).read_all();
  for (const Item& item : items_) {
    if (item.kind == Kind::kOpen || item.kind == Kind::kPosition) continue;
    if (item.kind == Kind::kOne || (item.kind == Kind::kMany && item.needs_one)) first_ = &item.set;
    break;
  }
}

PatternMatch::Found PatternMatch::from(std::size_t start) {
  if (pattern_.is_anchored()) return at(start);
  const Pattern::Set* const first = pattern_.first();
  for (; start <= subject_.size(); ++start) {
    if (first != nullptr) {
      while (start < subject_.size() && !(*first)[static_cast<unsigned char>(subject_[start])]) ++start;
      if (start == subject_.size()) return Found::kNo;
    }
    if (const Found found = at(start); found != Found::kNo) return found;
  }
  return Found::kNo;
}

PatternMatch::Found PatternMatch::at(std::size_t start) {
  start_ = position_ = start;
  item_ = 0;
  capture_count_ = 0;
  choice_count_ = 0;
  return run();
}

PatternMatch::Found PatternMatch::run() {
  const auto& items = pattern_.items();
  while (item_ < items.size()) {
    if (is_to_stop(1)) {
      fault_ = kStopped;
      return Found::kFault;
    }
    const Step step = take(items[item_]);
    if (step == Step::kFault) return Found::kFault;
    if (step == Step::kOn) {
      ++item_;
    } else if (!go_back()) {
      return Found::kNo;
    }
  }
  end_ = position_;
  return Found::kYes;
}

PatternMatch::Step PatternMatch::take(const Item& item) {
  using Kind = Pattern::Kind;
  switch (item.kind) {
    case Kind::kOne:
      if (!has(item, position_)) return Step::kBack;
      ++position_;
      return Step::kOn;
    case Kind::kMaybe:
      if (!has(item, position_)) return Step::kOn;
      choose(Choice::Kind::kSkip, position_);
      ++position_;
      return Step::kOn;
    case Kind::kMany:
      return take_many(item);
    case Kind::kFew:
      choose(Choice::Kind::kMore, position_);
      return Step::kOn;
    case Kind::kOpen:
    case Kind::kPosition:
      if (capture_count_ == Pattern::kCapturesMax) return fail(kTooManyCaptures);
      captures_[capture_count_++] = {position_, item.kind == Kind::kOpen ? kOpenLength : kPositionLength};
      choose(Choice::Kind::kUnopen);
      return Step::kOn;
    case Kind::kClose:
      return close();
    case Kind::kSame:
      return take_same(item);
    case Kind::kBalanced:
      return take_balanced(item);
    case Kind::kFrontier:
      return is_frontier(item) ? Step::kOn : Step::kBack;
    case Kind::kEnd:
      return position_ == subject_.size() ? Step::kOn : Step::kBack;
    case Kind::kFault:
      return fail(item.fault);
  }
  return Step::kBack;
}

PatternMatch::Step PatternMatch::take_many(const Item& item) {
  const std::size_t first = position_;
  while (has(item, position_)) ++position_;
  const std::size_t count = position_ - first;
  if (is_to_stop(count)) return fail(kStopped);
  const std::size_t least = item.needs_one ? 1 : 0;
  if (count < least) return Step::kBack;
  if (count > least) {
    choose(Choice::Kind::kFewer, first, count);
  }
  return Step::kOn;
}

PatternMatch::Step PatternMatch::close() {
  for (std::size_t i = capture_count_; i-- > 0;) {
    if (captures_[i].length != kOpenLength) continue;
    captures_[i].length = position_ - captures_[i].start;
    choose(Choice::Kind::kReopen, i);
    return Step::kOn;
  }
  return fail(kBadClose);
}

PatternMatch::Step PatternMatch::take_same(const Item& item) {
  if (item.number >= capture_count_ || captures_[item.number].length == kOpenLength) return fail(kBadNumber);
  const Capture& capture = captures_[item.number];
  // Of a position there is no text that could be the same.
  if (capture.length == kPositionLength || capture.length > subject_.size() - position_) return Step::kBack;
  if (is_to_stop(capture.length)) return fail(kStopped);
  if (subject_.substr(position_, capture.length) != subject_.substr(capture.start, capture.length))
    return Step::kBack;
  position_ += capture.length;
  return Step::kOn;
}

PatternMatch::Step PatternMatch::take_balanced(const Item& item) {
  if (position_ == subject_.size() || subject_[position_] != item.first) return Step::kBack;
  if (is_to_stop(subject_.size() - position_)) return fail(kStopped);
  std::size_t depth = 1;
  for (std::size_t i = position_ + 1; i < subject_.size(); ++i) {
    if (subject_[i] == item.last) {
      if (--depth > 0) continue;
      position_ = i + 1;
      return Step::kOn;
    }
    if (subject_[i] == item.first) ++depth;
  }
  return Step::kBack;
}

// Before the start and behind the end there is a NUL.
bool PatternMatch::is_frontier(const Item& item) const {
  const auto at = [this](std::size_t i) {
    return i < subject_.size() ? static_cast<unsigned char>(subject_[i]) : std::size_t{0};
  };
  const std::size_t before = position_ == 0 ? 0 : at(position_ - 1);
  return !item.set[before] && item.set[at(position_)];
}

// To the last choice that has something left; false: there is none.
bool PatternMatch::go_back() {
  while (choice_count_ > 0) {
    Choice& choice = choices_[choice_count_ - 1];
    switch (choice.kind) {
      case Choice::Kind::kUnopen:
        --capture_count_;
        break;
      case Choice::Kind::kReopen:
        captures_[choice.position].length = kOpenLength;
        break;
      case Choice::Kind::kSkip:
        item_ = choice.item + 1;
        position_ = choice.position;
        --choice_count_;
        return true;
      case Choice::Kind::kFewer: {
        const Item& item = pattern_.items()[choice.item];
        item_ = choice.item + 1;
        position_ = choice.position + --choice.count;
        if (choice.count == (item.needs_one ? 1 : 0)) --choice_count_;
        return true;
      }
      case Choice::Kind::kMore:
        if (!has(pattern_.items()[choice.item], choice.position)) break;
        position_ = ++choice.position;
        item_ = choice.item + 1;
        return true;
    }
    --choice_count_;
  }
  return false;
}

PatternMatch::Step PatternMatch::fail(const char* fault) {
  fault_ = fault;
  return Step::kFault;
}

}  // namespace apisix::lua
