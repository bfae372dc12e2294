#define PCRE2_CODE_UNIT_WIDTH 8
#include "shared/format/regex.h"

#include <algorithm>

#include <pcre2.h>

#include "shared/base/check.h"
#include "shared/base/log.h"

namespace apisix::format {
namespace {

// One step of the matcher is a few nanoseconds: the worst pattern holds the loop for some milliseconds.
// Large subjects get more, as even a harmless pattern takes a few steps per byte.
constexpr std::uint32_t kMatchStepsMin = 500'000;
constexpr std::uint32_t kMatchStepsPerByte = 16;
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
  return flags;
}

PCRE2_SPTR bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
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

base::Result<Regex> Regex::compile(std::string_view pattern, RegexOptions options) {
  if (pattern.size() > kPatternBytesMax) return base::invalid("regex is too long: " + quoted(pattern));
  int error = 0;
  PCRE2_SIZE at = 0;
  Regex out;
  out.code_.reset(pcre2_compile(bytes_of(pattern), pattern.size(), flags_of(options), &error, &at, nullptr));
  if (!out.code_) {
    return base::invalid("bad regex " + quoted(pattern) + " at offset " + std::to_string(at) + ": " +
                         error_text(error));
  }
  // Without JIT (a kernel that forbids writable code) the interpreter does the same, bounded as well.
  (void)pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE);
  std::uint32_t groups = 0;
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
  out.group_count_ = groups;
  out.utf_ = options.utf;
  return out;
}

// PCRE2's answer: >= 0 found, PCRE2_ERROR_NOMATCH, or another error, which is counted here.
int Regex::run(std::string_view subject, std::size_t from, std::uint32_t options) const {
  Scratch& s = scratch();
  const auto by_size =
      std::min<std::uint64_t>(std::uint64_t{subject.size()} * kMatchStepsPerByte, UINT32_MAX);
  pcre2_set_match_limit(s.context.get(), std::max(kMatchStepsMin, static_cast<std::uint32_t>(by_size)));
  const int found = pcre2_match(code_.get(), bytes_of(subject), subject.size(), from, options, s.data.get(),
                                s.context.get());
  if (found >= 0 || found == PCRE2_ERROR_NOMATCH) return found;
  // Only with `utf`: the subject is no UTF-8, so no text of the pattern can be in it.
  if (found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21) return PCRE2_ERROR_NOMATCH;
  ++s.gave_up;
  if (!gave_up_logged_) {
    gave_up_logged_ = true;
    base::log_warn("a regex gave up on a subject of {} bytes: {}", subject.size(), error_text(found));
  }
  return found;
}

bool Regex::matches(std::string_view subject) const {
  return run(subject, 0, 0) >= 0;
}

bool Regex::search(std::string_view subject, std::span<std::string_view> groups, std::size_t from) const {
  std::fill(groups.begin(), groups.end(), std::string_view());
  if (from > subject.size() || run(subject, from, 0) < 0) return false;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch().data.get());
  const std::size_t known = std::min<std::size_t>({group_count_ + 1, kGroupsMax + 1, groups.size()});
  for (std::size_t i = 0; i < known; ++i) {
    const PCRE2_SIZE first = ends[2 * i];
    const PCRE2_SIZE last = ends[2 * i + 1];
    // \K in a lookahead can put the end before the start.
    if (first == PCRE2_UNSET || last < first) continue;
    groups[i] = std::string_view(reinterpret_cast<const char*>(bytes_of(subject)) + first, last - first);
  }
  return true;
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

base::Result<Regex::Replaced> Regex::replace_first(std::string_view subject,
                                                   std::string_view replacement) const {
  return replace(subject, replacement, false, SIZE_MAX);
}

base::Result<Regex::Replaced> Regex::replace_all(std::string_view subject, std::string_view replacement,
                                                 std::size_t bytes_max) const {
  return replace(subject, replacement, true, bytes_max);
}

base::Result<Regex::Replaced> Regex::replace(std::string_view subject, std::string_view replacement, bool all,
                                             std::size_t bytes_max) const {
  for (std::string_view rest = replacement; !rest.empty();) {
    if (auto piece = take_piece(rest); !piece) return std::unexpected(piece.error());
  }
  Replaced out;
  std::size_t copied = 0;  // bytes of the subject that are in the text or replaced
  std::size_t from = 0;
  std::uint32_t options = 0;
  while (from <= subject.size() && run(subject, from, options) >= 0) {
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
