// Regular expressions: PCRE2 in byte mode with JIT, as ngx.re does with "jo". Every match is bounded (steps,
// depth, heap), and so are all matches of a request together (RegexBudget): a match that runs out of either
// gave up, which is neither "found" nor "not found". It is counted, and logged once a minute. A match
// allocates nothing; the scratch is per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/regex_budget.h"

struct pcre2_real_code_8;

namespace apisix::format {

struct RegexOptions {
  bool caseless = false;
  bool multiline = false;
  bool dotall = false;
  bool extended = false;
  bool anchored = false;
  bool utf = false;
  bool duplicate_names = false;

  // The letters of ngx.re: a d D i j J m o s u U x. d, j, o and J have no effect here.
  static base::Result<RegexOptions> parse(std::string_view letters);
};

enum class Match : std::uint8_t { kNo, kYes, kGaveUp };

class Regex {
 public:
  // What a match that was no trouble is charged per byte at which it could begin. More than an ordinary
  // pattern takes; what takes much more is counted exactly (see run() and try_starts()).
  static constexpr std::uint64_t kStepsPerByte = 16;
  // Of one match; a subject of megabytes gets more.
  static constexpr std::uint64_t kMatchSteps = 500'000;
  static constexpr std::size_t kGroupsMax = 64;  // groups past it match but cannot be read
  static constexpr std::size_t kPatternBytesMax = 64 * 1024;

  // Why a pattern does not compile: PCRE2's words, and the byte they are about.
  struct Fault {
    std::string reason;
    std::size_t offset = 0;
  };
  // The error names the pattern and the place in it; `fault` gets the same in parts.
  static base::Result<Regex> compile(std::string_view pattern, RegexOptions options = {},
                                     Fault* fault = nullptr);

  // Found anywhere in the subject? What it takes is charged to the budget.
  Match match(std::string_view subject, RegexBudget& budget) const;
  // Outside of a request, with a budget of its own: a match that gave up is none.
  bool matches(std::string_view subject) const;

  // As match() from byte `from` on; fills groups[0] = the whole match, groups[1..] = its groups, as views
  // of the subject; those that did not take part, or do not exist, are empty with data() == nullptr.
  Match search(std::string_view subject, std::span<std::string_view> groups, RegexBudget& budget,
               std::size_t from = 0) const;
  bool search(std::string_view subject, std::span<std::string_view> groups, std::size_t from = 0) const;

  unsigned group_count() const { return group_count_; }  // without the whole match
  // Of duplicate names the first.
  std::optional<unsigned> group_number(std::string_view name) const;
  struct Name {
    std::string_view name;  // the pattern's own memory
    unsigned number;
  };
  // All named groups; duplicates are listed each.
  std::vector<Name> names() const;

  struct Replaced {
    std::string text;
    unsigned count = 0;
  };
  // ngx.re.sub and ngx.re.gsub: $0 $1 ${1} and $$ in the template. A '$' that starts none of these is an
  // error, and so is a match that gave up. The result is at most `bytes_max` long, else kTooLarge.
  // Without a budget it has one of its own, in proportion to the subject.
  base::Result<Replaced> replace_first(std::string_view subject, std::string_view replacement,
                                       RegexBudget* budget = nullptr) const;
  base::Result<Replaced> replace_all(std::string_view subject, std::string_view replacement,
                                     std::size_t bytes_max = 64 * 1024 * 1024,
                                     RegexBudget* budget = nullptr) const;

  // Matches of this thread that ran out of their bound.
  static std::uint64_t gave_up_total();

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  // `checked`: the subject is known to be UTF-8.
  Match run(std::string_view subject, std::size_t from, RegexBudget& budget, bool checked = false) const;
  Match try_starts(std::string_view subject, std::size_t from, RegexBudget& budget) const;
  Match try_one_start(std::string_view subject, std::size_t at, std::size_t starts,
                      RegexBudget& budget) const;
  int call(std::string_view subject, std::size_t from, std::size_t starts, std::uint32_t limit,
           bool checked) const;
  Match give_up(std::string_view subject, int code, RegexBudget& budget) const;
  base::Result<Replaced> replace(std::string_view subject, std::string_view replacement, bool all,
                                 std::size_t bytes_max, RegexBudget& budget) const;

  std::unique_ptr<pcre2_real_code_8, Free> code_;
  unsigned group_count_ = 0;
  bool utf_ = false;
  bool anchored_ = false;   // it can begin at one place only
  bool splittable_ = true;  // trying a few places to begin after the others finds the same
};

// A pattern that is compiled at its first use: compiled code costs kilobytes, most patterns of a large
// configuration are never run. A pattern that does not compile never matches, as in APISIX.
class LazyRegex {
 public:
  explicit LazyRegex(std::string pattern, RegexOptions options = {})
      : pattern_(std::move(pattern)), options_(options) {}

  const std::string& pattern() const { return pattern_; }
  // nullptr when the pattern does not compile.
  const Regex* get() const;
  // As Regex::match().
  Match match(std::string_view subject, RegexBudget& budget) const {
    const Regex* regex = get();
    return regex != nullptr ? regex->match(subject, budget) : Match::kNo;
  }
  // Why get() is nullptr; nullopt when it is not.
  std::optional<std::string> error() const;

 private:
  std::string pattern_;
  RegexOptions options_;
  mutable bool failed_ = false;
  mutable std::unique_ptr<const Regex> regex_;
};

}  // namespace apisix::format
