// Regular expressions: PCRE2 in byte mode with JIT, as ngx.re does with "jo". Every match is bounded (steps,
// depth, heap), so that no pattern and no subject can hold the loop: a match that runs out of its bound is
// "no match", counted and logged once per Regex. A match allocates nothing; the scratch is per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/result.h"

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

class Regex {
 public:
  static constexpr std::size_t kGroupsMax = 64;  // groups past it match but cannot be read
  static constexpr std::size_t kPatternBytesMax = 64 * 1024;

  // The error names the pattern and the place in it.
  static base::Result<Regex> compile(std::string_view pattern, RegexOptions options = {});

  // Found anywhere in the subject?
  bool matches(std::string_view subject) const;

  // As matches() from byte `from` on; fills groups[0] = the whole match, groups[1..] = its groups, as views
  // of the subject; those that did not take part, or do not exist, are empty with data() == nullptr.
  bool search(std::string_view subject, std::span<std::string_view> groups, std::size_t from = 0) const;

  unsigned group_count() const { return group_count_; }  // without the whole match
  // Of duplicate names the first.
  std::optional<unsigned> group_number(std::string_view name) const;

  struct Replaced {
    std::string text;
    unsigned count = 0;
  };
  // ngx.re.sub and ngx.re.gsub: $0 $1 ${1} and $$ in the template. A '$' that starts none of these is an
  // error. The result is at most `bytes_max` long, else kTooLarge.
  base::Result<Replaced> replace_first(std::string_view subject, std::string_view replacement) const;
  base::Result<Replaced> replace_all(std::string_view subject, std::string_view replacement,
                                     std::size_t bytes_max = 64 * 1024 * 1024) const;

  // Matches of this thread that ran out of their bound.
  static std::uint64_t gave_up_total();

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  int run(std::string_view subject, std::size_t from, std::uint32_t options) const;
  base::Result<Replaced> replace(std::string_view subject, std::string_view replacement, bool all,
                                 std::size_t bytes_max) const;

  std::unique_ptr<pcre2_real_code_8, Free> code_;
  unsigned group_count_ = 0;
  bool utf_ = false;
  mutable bool gave_up_logged_ = false;
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
  // Why get() is nullptr; nullopt when it is not.
  std::optional<std::string> error() const;

 private:
  std::string pattern_;
  RegexOptions options_;
  mutable bool failed_ = false;
  mutable std::unique_ptr<const Regex> regex_;
};

}  // namespace apisix::format
