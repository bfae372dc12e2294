// Pattern: a pattern of Lua's string library, and a match of one that ends. Lua's own matcher tries every way
// to divide the subject, in C, where nothing can stop it: one pattern with three stars holds the worker for
// hours. This one finds the same, and looks now and then whether the run is to stop (cpu_watch.h).
//
// A pattern always compiles: what is wrong with it is found where the match gets to it, as in Lua.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"

namespace apisix::lua {

class Pattern : public base::Counted<Pattern> {
 public:
  static constexpr std::size_t kCapturesMax = 32;  // LUA_MAXCAPTURES
  using Set = std::bitset<256>;

  // One step of a match. What may repeat is one character of a set.
  enum class Kind : std::uint8_t {
    kOne,       // a character
    kMaybe,     // ?
    kMany,      // * and +: as many as there are, then fewer
    kFew,       // -: none, then more
    kOpen,      // (
    kPosition,  // ()
    kClose,     // )
    kSame,      // %1: what the capture has
    kBalanced,  // %bxy
    kFrontier,  // %f[set]
    kEnd,       // $ at the end
    kFault,     // what is wrong here
  };
  struct Item {
    Kind kind;
    bool needs_one = false;   // +
    std::uint8_t number = 0;  // kSame: of the capture, from 0
    char first = 0;           // kBalanced
    char last = 0;
    const char* fault = nullptr;  // kFault
    Set set = {};
  };

  // `anchors`: ^ at the start stands for the start (gmatch does not know it). A NUL ends the text, as in Lua.
  Pattern(std::string_view text, bool anchors);

  const std::vector<Item>& items() const { return items_; }
  bool is_anchored() const { return is_anchored_; }
  // What every match begins with; null: that is not known.
  const Set* first() const { return first_; }

 private:
  class Reader;

  std::vector<Item> items_;
  const Set* first_ = nullptr;
  bool is_anchored_ = false;
};

// One call's matches of a pattern on a subject.
class PatternMatch {
 public:
  enum class Found : std::uint8_t { kYes, kNo, kFault };
  static constexpr std::size_t kOpenLength = static_cast<std::size_t>(-1);
  static constexpr std::size_t kPositionLength = static_cast<std::size_t>(-2);

  struct Capture {
    std::size_t start;
    std::size_t length;
  };

  // `stop`: set by a signal, whenever.
  PatternMatch(const Pattern& pattern, std::string_view subject, const std::atomic<bool>& stop)
      : pattern_(pattern), subject_(subject), stop_(stop) {
    if (pattern.items().size() <= kOwnChoices) return;
    more_choices_.resize(pattern.items().size());
    choices_ = more_choices_.data();
  }
  PatternMatch(const PatternMatch&) = delete;
  PatternMatch& operator=(const PatternMatch&) = delete;

  // A match that begins right at `start`.
  Found at(std::size_t start);
  // The first one from `start` on.
  Found from(std::size_t start);

  // After kYes.
  std::size_t start() const { return start_; }
  std::size_t end() const { return end_; }
  std::size_t capture_count() const { return capture_count_; }
  const Capture& capture(std::size_t number) const { return captures_[number]; }
  // After kFault: the text of Lua's error.
  const char* fault() const { return fault_; }

 private:
  using Item = Pattern::Item;
  // What to try when the rest does not match.
  struct Choice {
    enum class Kind : std::uint8_t { kSkip, kFewer, kMore, kUnopen, kReopen };
    Kind kind;
    std::uint32_t item;
    std::size_t position;  // kFewer: the first of those that repeat; kReopen: number of the capture
    std::size_t count;     // kFewer: how many of them
  };
  // An item is left to go on once at most, so that there are no more choices than items.
  static constexpr std::size_t kOwnChoices = 24;
  enum class Step : std::uint8_t { kOn, kBack, kFault };

  Found run();
  Step take(const Item& item);
  Step take_many(const Item& item);
  Step close();
  Step take_same(const Item& item);
  Step take_balanced(const Item& item);
  bool is_frontier(const Item& item) const;
  void choose(Choice::Kind kind, std::size_t position = 0, std::size_t count = 0) {
    choices_[choice_count_++] = {kind, item_, position, count};
  }
  bool go_back();
  Step fail(const char* fault);
  bool is_to_stop(std::size_t characters) {
    constexpr std::size_t kLookEach = 16 * 1024;
    looked_ += characters;
    if (looked_ < kLookEach) return false;
    looked_ = 0;
    return stop_.load(std::memory_order_relaxed);
  }
  bool has(const Item& item, std::size_t position) const {
    return position < subject_.size() && item.set[static_cast<unsigned char>(subject_[position])];
  }

  const Pattern& pattern_;
  const std::string_view subject_;
  const std::atomic<bool>& stop_;
  std::size_t looked_ = 0;  // at characters, since it was looked whether to stop
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  std::size_t position_ = 0;
  std::uint32_t item_ = 0;
  const char* fault_ = nullptr;
  std::size_t capture_count_ = 0;
  std::array<Capture, Pattern::kCapturesMax> captures_;
  std::array<Choice, kOwnChoices> own_choices_;
  std::vector<Choice> more_choices_;
  Choice* choices_ = own_choices_.data();
  std::size_t choice_count_ = 0;
};

}  // namespace apisix::lua
