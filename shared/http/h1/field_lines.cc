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

FieldLines parse_field_lines(const char* begin, const char* at, const char* end, base::Arena& arena,
                             const FieldLimits& limits, HeaderMap& headers) {
  FieldLines out;
  IgnoredLine* last_ignored = nullptr;
  std::uint32_t count = 0;
  while (true) {
    if (end - at < 2) {
      out.error = "the head does not end in an empty line";
      return out;
    }
    if (*at == '\r') {
      if (at[1] != '\n' || at + 2 != end) out.error = "a stray CR, or bytes behind the empty line";
      return out;
    }
    const Line line = parse_line(begin, at, end, limits);
    if (line.error != nullptr) {
      out.error = line.error;
      return out;
    }
    const auto line_bytes = static_cast<std::size_t>(line.next - at) - 2;
    if (line_bytes > limits.line_bytes_max || ++count > limits.count_max) {
      out.error = line_bytes > limits.line_bytes_max ? "a header line is too long" : "too many header lines";
      out.too_large = true;
      return out;
    }
    if (line.left_out) [[unlikely]] {
      auto* ignored = arena.make<IgnoredLine>();
      ignored->text = {at, line_bytes};
      if (last_ignored != nullptr) last_ignored->next = ignored;
      if (out.ignored == nullptr) out.ignored = ignored;
      last_ignored = ignored;
      at = line.next;
      continue;
    }
    at = line.next;
    out.repeated.add_if_in(headers.present(), line.field.id);
    headers.push(arena, line.field);
  }
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

ConnectionOptions read_connection(HeaderMap& headers) {
  ConnectionOptions out;
  if (!headers.has(KnownHeader::kConnection)) return out;
  unsigned nominations = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers.at(i).id != KnownHeader::kConnection) continue;
    std::string_view list = headers.at(i).value;
    if (list == "keep-alive") {  // what nearly all clients send
      out.keep_alive = true;
      continue;
    }
    for (std::string_view option = next_list_element(list); !option.empty();
         option = next_list_element(list)) {
      if (base::equals_ignore_case(option, "keep-alive")) {
        out.keep_alive = true;
      } else if (base::equals_ignore_case(option, "close")) {
        out.close = true;
      } else if (base::equals_ignore_case(option, "upgrade")) {
        out.upgrade = true;
      } else if (++nominations > kNominationsMax) {
        out.too_many = true;
        return out;
      } else if (headers.has(KnownHeader::kUnknown)) {
        nominate(headers, option);
      }
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
