#define PCRE2_CODE_UNIT_WIDTH 8
#include "shared/format/regex.h"

#include <algorithm>

#include <pcre2.h>

#include "shared/base/check.h"
#include "shared/base/log.h"
#include "shared/base/log_interval.h"

namespace apisix::format {
namespace {

// PCRE2's match limit is counted anew for every place of the subject where a match may begin, and what was
// used of it cannot be read. So a match is first run with a small limit for each of them: what stays below is
// charged by the size of the subject. Only when one of them exceeds it they are tried in small groups.
// .*x.* takes as many steps as the subject has bytes: up to 128 bytes it stays below the limit.
constexpr std::uint32_t kFirstLimit = 64;
constexpr std::size_t kFirstLimitProduct = 16 * 1024;
constexpr std::size_t kLargeSubjectBytes = 64 * 1024;
// A large subject gets more than kMatchSteps: (\w+\s*)* takes some steps per byte.
constexpr std::uint64_t kMatchStepsPerByte = 4;
constexpr std::uint32_t kLimitGrowth = 4;
constexpr std::size_t kGroupOfStartsMax = 64 * 1024;
// A match that ended by another limit (stack, heap, depth) took some ten thousands of steps.
constexpr std::uint64_t kOtherLimitSteps = 64 * 1024;
constexpr std::uint32_t kMatchDepthMax = 10'000;  // interpreter only; JIT is bound by its stack
constexpr std::uint32_t kMatchHeapKib = 4 * 1024;
constexpr std::size_t kJitStackBytesMin = 32 * 1024;
constexpr std::size_t kJitStackBytesMax = 1024 * 1024;

template <auto Destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* object) const {
    Destroy(object);
  }
};

struct Scratch {
  std::unique_ptr<pcre2_match_data, Destroyer<pcre2_match_data_free>> data{
      pcre2_match_data_create(Regex::kGroupsMax + 1, nullptr)};
  std::unique_ptr<pcre2_match_context, Destroyer<pcre2_match_context_free>> context{
      pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, Destroyer<pcre2_jit_stack_free>> stack{
      pcre2_jit_stack_create(kJitStackBytesMin, kJitStackBytesMax, nullptr)};
  std::uint64_t gave_up = 0;
  base::LogInterval log_interval;

  Scratch() {
    CHECK(data && context);
    pcre2_set_depth_limit(context.get(), kMatchDepthMax);
    pcre2_set_heap_limit(context.get(), kMatchHeapKib);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

Scratch& scratch() {
  static thread_local Scratch instance;
  return instance;
}

std::string error_text(int code) {
  unsigned char buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

std::uint32_t flags_of(const RegexOptions& options) {
  std::uint32_t flags = PCRE2_NEVER_BACKSLASH_C;
  if (options.caseless) flags |= PCRE2_CASELESS;
  if (options.multiline) flags |= PCRE2_MULTILINE;
  if (options.dotall) flags |= PCRE2_DOTALL;
  if (options.extended) flags |= PCRE2_EXTENDED;
  if (options.anchored) flags |= PCRE2_ANCHORED;
  if (options.utf) flags |= PCRE2_UTF;
  if (options.duplicate_names) flags |= PCRE2_DUPNAMES;
  return flags | PCRE2_USE_OFFSET_LIMIT;
}

PCRE2_SPTR bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
}

// Steps for each place to begin, in the first run over so many bytes.
std::uint32_t first_limit(std::size_t bytes) {
  if (bytes > kLargeSubjectBytes) return Regex::kStepsPerByte;
  const std::size_t extra = std::min(bytes, kFirstLimitProduct / std::max<std::size_t>(bytes, 1));
  return kFirstLimit + static_cast<std::uint32_t>(extra);
}

// PCRE2's word for .*x, which one run tries at the fronts of lines only: from inside of a line it finds what
// it finds from there. Asked to begin at a place, it tries that one, too.
constexpr std::uint32_t kBeginsLines = 2;

// Behind this byte no line begins, whatever ends lines (and whatever the bytes of U+0085, U+2028 and U+2029
// are part of).
bool is_inside_line(char c) {
  return !std::string_view("\n\v\f\r\0\x85\xa8\xa9", 8).contains(c);
}

// For a match outside of a request: what a harmless pattern takes, and what a request has.
RegexBudget budget_for(std::string_view subject) {
  return RegexBudget(RegexBudget::kRequestSteps + 2 * Regex::kStepsPerByte * subject.size());
}

// Long patterns are cut: the text goes to a client or into a log line.
std::string quoted(std::string_view pattern) {
  constexpr std::size_t kShown = 128;
  return "\"" + std::string(pattern.substr(0, kShown)) + (pattern.size() > kShown ? "...\"" : "\"");
}

// A replacement template, read piece by piece: either literal text or a group.
struct Piece {
  std::string_view text;
  int group = -1;
};

// Takes the next piece off `rest`, which is not empty.
base::Result<Piece> take_piece(std::string_view& rest) {
  const auto dollar = rest.find('$');
  if (dollar != 0) {
    Piece piece{rest.substr(0, dollar)};
    rest.remove_prefix(piece.text.size());
    return piece;
  }
  if (rest.starts_with("$$")) {
    rest.remove_prefix(2);
    return Piece{"$"};
  }
  std::size_t at = 1;
  const bool braced = rest.size() > 1 && rest[1] == '{';
  if (braced) ++at;
  const std::size_t first = at;
  int group = 0;
  while (at < rest.size() && rest[at] >= '0' && rest[at] <= '9' && at - first < 4) {
    group = group * 10 + (rest[at++] - '0');
  }
  if (at == first) return base::invalid("bad replacement template: '$' without a group number");
  if (braced && (at == rest.size() || rest[at++] != '}')) {
    return base::invalid("bad replacement template: \"${\" without \"}\"");
  }
  rest.remove_prefix(at);
  return Piece{{}, group};
}

}  // namespace

base::Result<RegexOptions> RegexOptions::parse(std::string_view letters) {
  RegexOptions options;
  for (const char letter : letters) {
    switch (letter) {
      case 'a':
        options.anchored = true;
        break;
      case 'i':
        options.caseless = true;
        break;
      case 'm':
        options.multiline = true;
        break;
      case 's':
        options.dotall = true;
        break;
      case 'x':
        options.extended = true;
        break;
      case 'u':
      case 'U':
        options.utf = true;
        break;
      case 'D':
        options.duplicate_names = true;
        break;
      case 'd':
      case 'j':
      case 'J':
      case 'o':
        break;
      default:
        return base::invalid("unknown flag \"" + std::string(1, letter) + "\" (flags \"" +
                             std::string(letters) + "\")");
    }
  }
  return options;
}

void Regex::Free::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free(code);
}

base::Result<Regex> Regex::compile(std::string_view pattern, RegexOptions options, Fault* fault) {
  if (pattern.size() > kPatternBytesMax) return base::invalid("regex is too long: " + quoted(pattern));
  int error = 0;
  PCRE2_SIZE at = 0;
  Regex out;
  out.code_.reset(pcre2_compile(bytes_of(pattern), pattern.size(), flags_of(options), &error, &at, nullptr));
  if (!out.code_) {
    if (fault != nullptr) *fault = {.reason = error_text(error), .offset = at};
    return base::invalid("bad regex " + quoted(pattern) + " at offset " + std::to_string(at) + ": " +
                         error_text(error));
  }
  // Without JIT (a kernel that forbids writable code) the interpreter does the same, bounded as well.
  (void)pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE);
  std::uint32_t groups = 0;
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
  out.group_count_ = groups;
  out.utf_ = options.utf;
  std::uint32_t flags = 0;
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_ALLOPTIONS, &flags);
  out.anchored_ = (flags & PCRE2_ANCHORED) != 0;
  // A verb like (*COMMIT) forbids later places to begin, and \G is where the matcher was started.
  out.splittable_ = pattern.find("(*") == pattern.npos && pattern.find("\\G") == pattern.npos;
  return out;
}

// Tries the `starts` places from `from` on, each with so many steps. PCRE2's answer: >= 0 found,
// PCRE2_ERROR_NOMATCH, or another error.
int Regex::call(std::string_view subject, std::size_t from, std::size_t starts, std::uint32_t limit,
                bool checked) const {
  Scratch& s = scratch();
  pcre2_set_match_limit(s.context.get(), limit);
  pcre2_set_offset_limit(s.context.get(), starts == SIZE_MAX ? PCRE2_UNSET : from + starts - 1);
  const int found = pcre2_match(code_.get(), bytes_of(subject), subject.size(), from,
                                utf_ && checked ? PCRE2_NO_UTF_CHECK : 0, s.data.get(), s.context.get());
  // Only with `utf`: the subject is no UTF-8, so no text of the pattern can be in it.
  if (found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21) return PCRE2_ERROR_NOMATCH;
  return found;
}

Match Regex::run(std::string_view subject, std::size_t from, RegexBudget& budget, bool checked) const {
  if (budget.is_used_up()) return give_up(subject, PCRE2_ERROR_MATCHLIMIT, budget);
  const std::size_t bytes = subject.size() - from;
  const int found = call(subject, from, SIZE_MAX, first_limit(bytes), checked);
  if (found == PCRE2_ERROR_MATCHLIMIT) return try_starts(subject, from, budget);
  if (found >= 0) {
    const std::size_t end = std::max(pcre2_get_ovector_pointer(scratch().data.get())[1], from);
    budget.charge(anchored_ ? kStepsPerByte : (end - from + 1) * kStepsPerByte);
    return Match::kYes;
  }
  if (found != PCRE2_ERROR_NOMATCH) return give_up(subject, found, budget);
  budget.charge(anchored_ ? kStepsPerByte : (bytes + 1) * kStepsPerByte);
  return Match::kNo;
}

// A group of places that stays below the first limit makes the next group twice as large; one that does not
// is tried place by place. The result is that of one run over all places.
Match Regex::try_starts(std::string_view subject, std::size_t from, RegexBudget& budget) const {
  const std::uint32_t limit = first_limit(subject.size() - from);
  std::uint32_t first_code = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_FIRSTCODETYPE, &first_code);
  const bool begins_lines = first_code == kBeginsLines;
  std::size_t group = splittable_ && !anchored_ ? 1 : SIZE_MAX;
  for (std::size_t at = from; at <= subject.size();) {
    if (budget.is_used_up()) return give_up(subject, PCRE2_ERROR_MATCHLIMIT, budget);
    if (group == 1 || group == SIZE_MAX) {
      if (group == SIZE_MAX) return try_one_start(subject, at, SIZE_MAX, budget);
      if (const Match match = try_one_start(subject, at, 1, budget); match != Match::kNo) return match;
    } else {
      const int found = call(subject, at, group, limit, true);
      budget.charge(std::min(group, subject.size() - at + 1) * kStepsPerByte);
      if (found >= 0) return Match::kYes;
      if (found == PCRE2_ERROR_MATCHLIMIT) {
        budget.charge(limit);
        group = 1;
        continue;
      }
      if (found != PCRE2_ERROR_NOMATCH) return give_up(subject, found, budget);
    }
    at += group;
    const auto is_no_start = [&] {
      const bool inside_character = utf_ && at < subject.size() && (subject[at] & 0xc0) == 0x80;
      return inside_character || (begins_lines && is_inside_line(subject[at - 1]));
    };
    while (at <= subject.size() && is_no_start()) ++at;
    group = std::min(2 * group, kGroupOfStartsMax);
  }
  return Match::kNo;
}

// With more and more steps, up to what one match may take.
Match Regex::try_one_start(std::string_view subject, std::size_t at, std::size_t starts,
                           RegexBudget& budget) const {
  std::uint64_t left = std::min<std::uint64_t>(
      {std::max(kMatchSteps, kMatchStepsPerByte * subject.size()), budget.left(), UINT32_MAX});
  for (std::uint64_t limit = first_limit(subject.size());; limit *= kLimitGrowth) {
    limit = std::min(limit, left);
    const int found = call(subject, at, starts, static_cast<std::uint32_t>(limit), true);
    budget.charge(limit);
    left -= limit;
    if (found >= 0) return Match::kYes;
    if (found == PCRE2_ERROR_NOMATCH) return Match::kNo;
    if (found != PCRE2_ERROR_MATCHLIMIT || left == 0) return give_up(subject, found, budget);
  }
}

Match Regex::give_up(std::string_view subject, int code, RegexBudget& budget) const {
  Scratch& s = scratch();
  ++s.gave_up;
  budget.count_gave_up();
  if (code != PCRE2_ERROR_MATCHLIMIT) budget.charge(kOtherLimitSteps);
  if (s.log_interval.is_due()) {
    base::log_warn("a regex gave up on a subject of {} bytes: {}; {} so far", subject.size(),
                   budget.is_used_up() ? "the request's steps are used up" : error_text(code), s.gave_up);
  }
  return Match::kGaveUp;
}

Match Regex::match(std::string_view subject, RegexBudget& budget) const {
  return run(subject, 0, budget);
}

bool Regex::matches(std::string_view subject) const {
  RegexBudget budget = budget_for(subject);
  return match(subject, budget) == Match::kYes;
}

bool Regex::search(std::string_view subject, std::span<std::string_view> groups, std::size_t from) const {
  RegexBudget budget = budget_for(subject);
  return search(subject, groups, budget, from) == Match::kYes;
}

Match Regex::search(std::string_view subject, std::span<std::string_view> groups, RegexBudget& budget,
                    std::size_t from) const {
  std::fill(groups.begin(), groups.end(), std::string_view());
  if (from > subject.size()) return Match::kNo;
  if (const Match match = run(subject, from, budget); match != Match::kYes) return match;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch().data.get());
  const std::size_t known = std::min<std::size_t>({group_count_ + 1, kGroupsMax + 1, groups.size()});
  for (std::size_t i = 0; i < known; ++i) {
    const PCRE2_SIZE first = ends[2 * i];
    const PCRE2_SIZE last = ends[2 * i + 1];
    // \K in a lookahead can put the end before the start.
    if (first == PCRE2_UNSET || last < first) continue;
    groups[i] = std::string_view(reinterpret_cast<const char*>(bytes_of(subject)) + first, last - first);
  }
  return Match::kYes;
}

std::optional<unsigned> Regex::group_number(std::string_view name) const {
  const std::string text(name);
  PCRE2_SPTR first = nullptr;
  PCRE2_SPTR last = nullptr;
  const auto size = pcre2_substring_nametable_scan(code_.get(), bytes_of(text), &first, &last);
  if (size < 0) return std::nullopt;
  unsigned lowest = UINT32_MAX;
  for (PCRE2_SPTR entry = first; entry <= last; entry += size) {
    lowest = std::min(lowest, unsigned{entry[0]} << 8 | entry[1]);
  }
  return lowest;
}

std::vector<Regex::Name> Regex::names() const {
  std::uint32_t count = 0;
  std::uint32_t size = 0;
  PCRE2_SPTR entry = nullptr;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMECOUNT, &count);
  if (count == 0) return {};
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMETABLE, &entry);
  std::vector<Name> out;
  for (std::uint32_t i = 0; i < count; ++i, entry += size) {
    out.push_back({reinterpret_cast<const char*>(entry) + 2, unsigned{entry[0]} << 8 | entry[1]});
  }
  return out;
}

base::Result<Regex::Replaced> Regex::replace_first(std::string_view subject, std::string_view replacement,
                                                   RegexBudget* budget) const {
  RegexBudget own = budget_for(subject);
  return replace(subject, replacement, false, SIZE_MAX, budget != nullptr ? *budget : own);
}

base::Result<Regex::Replaced> Regex::replace_all(std::string_view subject, std::string_view replacement,
                                                 std::size_t bytes_max, RegexBudget* budget) const {
  RegexBudget own = budget_for(subject);
  return replace(subject, replacement, true, bytes_max, budget != nullptr ? *budget : own);
}

namespace {

std::unexpected<base::Error> gave_up_error(std::string_view subject) {
  return base::fail(base::ErrorCode::kTooLarge, base::ErrorSource::kClient,
                    "the regex gave up on a subject of " + std::to_string(subject.size()) + " bytes");
}

}  // namespace

base::Result<Regex::Replaced> Regex::replace(std::string_view subject, std::string_view replacement, bool all,
                                             std::size_t bytes_max, RegexBudget& budget) const {
  for (std::string_view rest = replacement; !rest.empty();) {
    if (auto piece = take_piece(rest); !piece) return std::unexpected(piece.error());
  }
  Replaced out;
  std::size_t copied = 0;  // bytes of the subject that are in the text or replaced
  std::size_t from = 0;
  while (from <= subject.size()) {
    // Looking for a match in each rest of a long text: it is checked for UTF-8 once.
    const Match match = run(subject, from, budget, out.count > 0);
    if (match == Match::kNo) break;
    if (match == Match::kGaveUp) return gave_up_error(subject);
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch().data.get());
    const std::size_t first = ends[0];
    const std::size_t last = std::max(ends[0], ends[1]);
    if (first < copied) break;  // \K moved the start back: there is no sane text for that
    out.text.append(subject.substr(copied, first - copied));
    for (std::string_view rest = replacement; !rest.empty();) {
      const Piece piece = *take_piece(rest);
      const auto group = static_cast<std::size_t>(piece.group);
      if (piece.group < 0) {
        out.text.append(piece.text);
      } else if (group <= std::min<std::size_t>(group_count_, kGroupsMax) && ends[2 * group] != PCRE2_UNSET &&
                 ends[2 * group + 1] >= ends[2 * group]) {
        out.text.append(subject.substr(ends[2 * group], ends[2 * group + 1] - ends[2 * group]));
      }
    }
    ++out.count;
    copied = last;
    if (out.text.size() > bytes_max) {
      return base::fail(base::ErrorCode::kTooLarge, base::ErrorSource::kClient,
                        "the result of a regex replacement is over " + std::to_string(bytes_max) + " bytes");
    }
    if (!all) break;
    from = last == first ? last + 1 : last;  // after an empty match go on by one character
    while (utf_ && last == first && from < subject.size() && (subject[from] & 0xc0) == 0x80) ++from;
  }
  if (copied < subject.size()) out.text.append(subject.substr(copied));
  return out;
}

std::uint64_t Regex::gave_up_total() {
  return scratch().gave_up;
}

const Regex* LazyRegex::get() const {
  if (regex_ || failed_) return regex_.get();
  auto compiled = Regex::compile(pattern_, options_);
  if (compiled) {
    regex_ = std::make_unique<const Regex>(std::move(*compiled));
  } else {
    failed_ = true;
    base::log_warn("a regex that never matches: {}", compiled.error().what);
  }
  return regex_.get();
}

std::optional<std::string> LazyRegex::error() const {
  if (regex_) return std::nullopt;
  auto compiled = Regex::compile(pattern_, options_);
  if (compiled) return std::nullopt;
  return compiled.error().what;
}

}  // namespace apisix::format
