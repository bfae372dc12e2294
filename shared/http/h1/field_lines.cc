#include "shared/http/h1/field_lines.h"

#include <array>

#include "shared/base/text.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h1/scan.h"

namespace apisix::http {
namespace {

// Every option costs a comparison with every field: bounded, so that one head cannot cost milliseconds.
constexpr unsigned kNominationsMax = 32;

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

enum NameTrait : std::uint8_t {
  kUnderscore = 1,
  kOdd = 2,      // invalid for nginx
  kNoToken = 4,  // RFC 9110 5.6.2
  kRefused = 8,  // white space, control characters: where parsers find different names
};

// No trait: letters, digits and '-'.
constexpr std::array<std::uint8_t, 256> name_traits() {
  std::array<std::uint8_t, 256> out{};
  out.fill(kOdd | kNoToken);
  for (int c = 0; c <= ' '; ++c) out[c] = kRefused;
  out[0x7f] = kRefused;
  for (const char c : std::string_view("!#$%&'*+.^`|~")) out[static_cast<unsigned char>(c)] = kOdd;
  for (int c = '0'; c <= '9'; ++c) out[c] = 0;
  for (int c = 'a'; c <= 'z'; ++c) out[c] = out[c - 0x20] = 0;
  out['-'] = 0;
  out['_'] = kUnderscore;
  return out;
}
constexpr std::array<std::uint8_t, 256> kNameTraits = name_traits();

std::uint8_t traits_of(std::string_view name) {
  std::uint8_t traits = 0;  // without a branch per character: names are short
  for (const char c : name) traits |= kNameTraits[static_cast<unsigned char>(c)];
  return traits;
}

// Servers that make variables of names (CGI and its kin) read all punctuation as one character, so that
// Content_Length may end a body there that does not end here.
bool looks_like_framing(std::string_view name) {
  std::array<char, 32> hyphened;
  if (name.size() > hyphened.size()) return false;  // longer than any of them
  for (std::size_t i = 0; i < name.size(); ++i) {
    hyphened[i] = kNameTraits[static_cast<unsigned char>(name[i])] == 0 ? name[i] : '-';
  }
  return is_hop_by_hop({.id = identify_header({hyphened.data(), name.size()})});
}

bool is_left_out(std::string_view name, std::uint8_t traits, const FieldLimits& limits) {
  if ((traits & kNoToken) != 0 || ((traits & kOdd) != 0 && limits.letters_only)) return true;
  return ((traits & kUnderscore) != 0 && !limits.underscores) || looks_like_framing(name);
}

struct Line {
  HeaderField field;
  const char* next = nullptr;  // the line behind; null on error
  const char* error = nullptr;
  bool left_out = false;
};

// Only for the message: the line is refused already.
const char* explain_name(std::string_view name, char after) {
  if (!name.empty() && is_space(name.front())) return "a header line begins with white space (obs-fold)";
  if (after != ':') return "a header line has no colon";
  if (name.empty()) return "a header line has no name";
  if (is_space(name.back())) return "white space between a header name and its colon";
  return "a header name has a character that is not allowed";
}

Line parse_line(const char* begin, const char* at, const char* end, const FieldLimits& limits) {
  const char* colon = scan::find_first(begin, at, end, scan::NameEnd{});
  std::string_view name(at, static_cast<std::size_t>(colon - at));
  if (limits.trim_name && !name.empty() && is_space(name.back()) && !is_space(name.front()))
    name = base::trim(name);
  Line line;
  if (colon == end || *colon != ':') {
    line.error = explain_name(name, '\0');
    return line;
  }
  line.field.id = identify_header(name);  // a known name needs no further check
  if (line.field.id == KnownHeader::kUnknown) {
    const std::uint8_t traits = traits_of(name);
    if ((traits & kRefused) != 0 || name.empty()) {
      line.error = explain_name(name, ':');
      return line;
    }
    if (traits != 0) [[unlikely]]
      line.left_out = is_left_out(name, traits, limits);
  }

  const char* value = colon + 1;
  const char* stop = scan::find_first(begin, value, end, scan::Control{});
  if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') {
    line.error = "a control character in a header value";
    return line;
  }
  const bool one_space = value != stop && *value == ' ';
  while (value != stop && is_space(*value)) ++value;
  const char* value_end = stop;
  while (value_end != value && is_space(value_end[-1])) --value_end;
  line.field.name = name;
  line.field.value = {value, static_cast<std::size_t>(value_end - value)};
  line.field.intact =
      one_space && value == colon + 2 && value_end == stop && name.data() + name.size() == colon;
  line.next = stop + 2;
  return line;
}

}  // namespace

bool is_left_out(std::string_view name, const FieldLimits& limits) {
  const std::uint8_t traits = traits_of(name);
  return traits != 0 && is_left_out(name, traits, limits);
}

namespace {

// Adds lines to a message's fields, or to those that are left out, within the limits.
class FieldAdder {
 public:
  FieldAdder(base::Arena& arena, const FieldLimits& limits, HeaderMap& headers)
      : arena_(arena), limits_(limits), headers_(headers) {}

  // False: there is an error.
  bool add(const char* at, const Line& line) {
    if (line.error != nullptr) return fail(line.error);
    const auto line_bytes = static_cast<std::size_t>(line.next - at) - 2;
    if (!count(line_bytes)) return false;
    if (line.left_out) [[unlikely]] {
      leave_out({at, line_bytes});
      return true;
    }
    out_.repeated.add_if_in(headers_.present(), line.field.id);
    headers_.push(arena_, line.field);
    return true;
  }
  bool fail(const char* error) {
    out_.error = error;
    return false;
  }
  const FieldLines& result() const { return out_; }

 private:
  bool count(std::size_t line_bytes) {
    if (line_bytes <= limits_.line_bytes_max && ++count_ <= limits_.count_max) [[likely]]
      return true;
    out_.too_large = true;
    return fail(line_bytes > limits_.line_bytes_max ? "a header line is too long" : "too many header lines");
  }
  void leave_out(std::string_view text) {
    auto* ignored = arena_.make<IgnoredLine>();
    ignored->text = text;
    (last_ignored_ != nullptr ? last_ignored_->next : out_.ignored) = ignored;
    last_ignored_ = ignored;
  }

  base::Arena& arena_;
  const FieldLimits& limits_;
  HeaderMap& headers_;
  FieldLines out_;
  IgnoredLine* last_ignored_ = nullptr;
  std::uint32_t count_ = 0;
};

// What nearly all lines of nearly all messages are: NAME ": " VALUE. The index says where the line and its
// first colon are, and that there are no control characters but tabs.
[[gnu::always_inline]] inline bool add_plain_line(const char* at, const char* colon, const char* stop,
                                                  HeaderMap::Filler& fields) {
  const auto is_white = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  if (colon[1] != ' ' || is_white(colon[2]) || is_white(stop[-1])) return false;
  const std::string_view name(at, static_cast<std::size_t>(colon - at));
  fields.push({.name = name,
               .value = {colon + 2, static_cast<std::size_t>(stop - colon) - 2},
               .id = identify_header(name),
               .intact = true});
  return true;
}

// What has a trait.
struct OddInName {
  scan::Mask operator()(scan::Bytes b) const {
    const auto letter = static_cast<scan::Bytes>((b | 0x20) - 'a') < 26;
    const auto number = (static_cast<scan::Bytes>(b - '-') < 13) & ((b | 1) != '/');  // - and 0 to 9
    return scan::mask_of(~(letter | number));
  }
  bool operator()(unsigned char c) const { return kNameTraits[c] != 0; }
};

// Without odd characters, as known names are. Bytes from `begin` on may be read.
[[gnu::noinline]] bool are_plain_names(const char* begin, const HeaderMap& headers) {
  for (const HeaderField& field : headers) {
    if (field.id != KnownHeader::kUnknown) continue;
    const char* const end = field.name.data() + field.name.size();
    if (field.name.empty() || scan::find_first(begin, field.name.data(), end, OddInName{}) != end)
      return false;
  }
  return true;
}

// True: every field was added, and all of them are plain. False: none was. The loop calls nothing, so that
// what it needs stays in registers.
[[gnu::always_inline]] inline bool add_plain_lines(const char* begin, base::Arena& arena,
                                                   const HeadLines& lines, HeaderMap& headers,
                                                   HeaderSet& repeated) {
  HeaderMap::Filler fields(arena, headers, lines.size() - 1);
  for (const HeadLines::Line* line = lines.begin() + 1; line != lines.end(); ++line) {
    if (line->end < line->colon + 3) return false;  // there is no colon, or no value
    if (!add_plain_line(begin + line[-1].end + 2, begin + line->colon, begin + line->end, fields))
      return false;
  }
  fields.finish(repeated);
  if (!headers.has(KnownHeader::kUnknown) || are_plain_names(begin, headers)) return true;
  headers.clear();
  repeated = {};
  return false;
}

// Line by line, whatever they are.
[[gnu::noinline]] FieldLines add_lines(const char* begin, const char* at, const char* end, base::Arena& arena,
                                       const FieldLimits& limits, HeaderMap& headers) {
  FieldAdder adder(arena, limits, headers);
  while (true) {
    if (end - at < 2) {
      adder.fail("the head does not end in an empty line");
      break;
    }
    if (*at == '\r') {
      if (at[1] != '\n' || at + 2 != end) adder.fail("a stray CR, or bytes behind the empty line");
      break;
    }
    const Line line = parse_line(begin, at, end, limits);
    if (!adder.add(at, line)) break;
    at = line.next;
  }
  return adder.result();
}

}  // namespace

FieldLines parse_field_lines(const char* begin, const char* at, const char* end, base::Arena& arena,
                             const FieldLimits& limits, HeaderMap& headers, const HeadLines& lines) {
  if (!lines.empty() && begin + lines.head_bytes() == end && lines.size() - 1 <= limits.count_max &&
      lines.head_bytes() <= limits.line_bytes_max) {
    FieldLines out;
    if (add_plain_lines(begin, arena, lines, headers, out.repeated)) return out;
  }
  return add_lines(begin, at, end, arena, limits, headers);
}

std::string_view next_list_element(std::string_view& list) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = base::trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    if (!element.empty()) return element;
  }
  return {};
}

namespace {

void nominate(HeaderMap& headers, std::string_view name) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    HeaderField& field = headers.at(i);
    if (field.id == KnownHeader::kUnknown && base::equals_ignore_case(field.name, name))
      field.nominated = true;
  }
}

}  // namespace

namespace {

// False: there are too many options.
bool read_options(std::string_view list, HeaderMap& headers, ConnectionOptions& out, unsigned& nominations) {
  for (std::string_view option = next_list_element(list); !option.empty(); option = next_list_element(list)) {
    if (base::equals_ignore_case(option, "keep-alive")) {
      out.keep_alive = true;
    } else if (base::equals_ignore_case(option, "close")) {
      out.close = true;
    } else if (base::equals_ignore_case(option, "upgrade")) {
      out.upgrade = true;
    } else if (++nominations > kNominationsMax) {
      return false;
    } else if (headers.has(KnownHeader::kUnknown)) {
      nominate(headers, option);
    }
  }
  return true;
}

}  // namespace

ConnectionOptions read_every_connection(HeaderMap& headers) {
  ConnectionOptions out;
  unsigned nominations = 0;
  for (const HeaderField& field : headers) {
    if (field.id != KnownHeader::kConnection) continue;
    if (!read_options(field.value, headers, out, nominations)) {
      out.too_many = true;
      break;
    }
  }
  return out;
}

std::string_view upgrade_protocol(const HeaderMap& headers) {
  if (!headers.has(KnownHeader::kUpgrade)) return {};
  for (const HeaderField& field : headers) {
    if (field.id != KnownHeader::kUpgrade) continue;
    std::string_view list = field.value;
    for (std::string_view protocol = next_list_element(list); !protocol.empty();
         protocol = next_list_element(list)) {
      if (!base::equals_ignore_case(protocol, "h2c")) return protocol;
    }
  }
  return {};
}

TransferCoding read_transfer_encoding(std::string_view value) {
  if (base::equals_ignore_case(value, "chunked")) return TransferCoding::kChunked;
  // Each element must be a plain token: parameters, quotes and empty elements are where parsers differ.
  bool chunked_seen = false;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view coding = base::trim(value.substr(0, comma));
    if (!is_token(coding) || chunked_seen) return TransferCoding::kMalformed;
    chunked_seen = base::equals_ignore_case(coding, "chunked");
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  return chunked_seen ? TransferCoding::kUnsupported : TransferCoding::kMalformed;
}

bool parse_content_length(std::string_view value, std::uint64_t& out) {
  constexpr std::size_t kDigitsMax = 19;
  if (value.empty() || value.size() > kDigitsMax) return false;
  std::uint64_t number = 0;
  for (const char c : value) {
    if (!base::is_digit(c)) return false;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');  // 19 digits fit in 64 bits
  }
  if (number >> 63 != 0) return false;
  out = number;
  return true;
}

}  // namespace apisix::http
