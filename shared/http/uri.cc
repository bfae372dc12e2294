#include "shared/http/uri.h"

#include <array>
#include <cstdint>

#include "shared/base/text.h"
#include "shared/http/authority.h"
#include "shared/http/h1/scan.h"

namespace apisix::http {
namespace {

constexpr int kNoDigit = -1;
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return kNoDigit;
}

// The byte that "%XX" at `at` stands for, or kNoDigit.
int decode_at(std::string_view text, std::size_t at) {
  if (text.size() - at < 3) return kNoDigit;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? kNoDigit : high * 16 + low;
}

// nginx's classes of characters to be escaped.
enum Escape : std::uint8_t { kPath = 1, kArgs = 2, kComponent = 4, kControl = 8 };

constexpr std::array<std::uint8_t, 256> escape_classes() {
  std::array<std::uint8_t, 256> out{};
  constexpr std::string_view kPathOnly = " \"#%?<>\\^`{|}";
  constexpr std::string_view kArgsOnly = "&+;";
  constexpr std::string_view kUnreserved = "-._~";
  for (int c = 0; c < 256; ++c) {
    const char character = static_cast<char>(c);
    const bool control = c < 0x20 || c == 0x7f;
    const bool path = control || c >= 0x80 || kPathOnly.find(character) != std::string_view::npos;
    const bool args = path || kArgsOnly.find(character) != std::string_view::npos;
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool component = !letter && kUnreserved.find(character) == std::string_view::npos;
    out[c] = static_cast<std::uint8_t>((control ? kControl : 0) | (path ? kPath : 0) | (args ? kArgs : 0) |
                                       (component ? kComponent : 0));
  }
  return out;
}
constexpr std::array<std::uint8_t, 256> kEscapeClasses = escape_classes();

std::string_view escape(std::string_view text, base::Arena& arena, Escape kind) {
  std::size_t escaped = 0;
  for (const char c : text) escaped += (kEscapeClasses[static_cast<unsigned char>(c)] & kind) != 0 ? 1 : 0;
  if (escaped == 0) return text;
  constexpr std::string_view kHex = "0123456789ABCDEF";
  char* const out = arena.text(text.size() + 2 * escaped);
  char* at = out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((kEscapeClasses[byte] & kind) == 0) {
      *at++ = c;
      continue;
    }
    *at++ = '%';
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
  }
  return {out, static_cast<std::size_t>(at - out)};
}

// True when normalising changes nothing: no end mark, nothing odd.
bool is_plain(std::string_view path) {
  scan::OddInPath odd_in_path;
  const auto is_changed = [&](scan::Bytes b) {
    return (odd_in_path(b) | scan::mask_of((b == '#') | (b == '?') | (b == 0))) != 0;
  };
  for (; path.size() >= sizeof(scan::Bytes); path.remove_prefix(sizeof(scan::Bytes))) {
    if (is_changed(scan::load(path.data()))) return false;
  }
  std::array<char, sizeof(scan::Bytes)> rest;
  rest.fill('a');
  path.copy(rest.data(), path.size());
  return !is_changed(scan::load(rest.data()));
}

// Writes a path segment by segment. The text between out_ and at_ always begins with '/'.
class PathBuilder {
 public:
  explicit PathBuilder(char* out) : out_(out), at_(out) {}

  void put(char c) { *at_++ = c; }

  // A segment ends here, by a slash or by the end of the path. False: ".." above the root.
  bool end_segment(bool by_slash) {
    if (at_ == out_) {
      put('/');
      return true;
    }
    const std::string_view segment = last_segment();
    if (segment == "." || segment == "..") {
      changed_ = true;
      at_ -= segment.size();  // the slash in front of it stays
      return segment.size() == 1 || drop_last_segment();
    }
    if (!by_slash) return true;
    if (segment.empty()) {
      changed_ = true;
    } else {
      put('/');
    }
    return true;
  }

  std::string_view text() const { return {out_, static_cast<std::size_t>(at_ - out_)}; }
  bool changed() const { return changed_; }

 private:
  std::string_view last_segment() const {
    const std::string_view all = text();
    return all.substr(all.rfind('/') + 1);
  }
  // "/a/b/" -> "/a/"
  bool drop_last_segment() {
    if (at_ - out_ < 2) return false;
    --at_;
    while (at_[-1] != '/') --at_;
    return true;
  }

  char* out_;
  char* at_;
  bool changed_ = false;
};

std::optional<NormalizedPath> normalize_slowly(std::string_view raw, base::Arena& arena) {
  PathBuilder builder(arena.text(raw.size()));
  bool decoded_slash = false;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '#' || c == '?') break;
    if (c == '/') {
      if (!builder.end_segment(true)) return std::nullopt;
      continue;
    }
    if (c == '\0') return std::nullopt;
    if (c != '%') {
      builder.put(c);
      continue;
    }
    const int byte = decode_at(raw, i);
    if (byte <= 0) return std::nullopt;
    i += 2;
    if (byte != '/') {
      builder.put(static_cast<char>(byte));
      continue;
    }
    decoded_slash = true;
    if (!builder.end_segment(true)) return std::nullopt;
  }
  if (!builder.end_segment(false)) return std::nullopt;
  return NormalizedPath{builder.text(), builder.changed(), decoded_slash};
}

// `text` decoded as far as needed to compare it with `plain`.
bool equals_decoded(std::string_view text, std::string_view plain) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size(); ++i, ++at) {
    if (at == plain.size()) return false;
    char c = text[i] == '+' ? ' ' : text[i];
    if (c == '%') {
      const int byte = decode_at(text, i);
      if (byte >= 0) {
        c = static_cast<char>(byte);
        i += 2;
      }
    }
    if (c != plain[at]) return false;
  }
  return at == plain.size();
}

char* decode_escapes(std::string_view text, char* at, bool plus_is_space) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = text[i] == '%' ? decode_at(text, i) : kNoDigit;
    if (byte >= 0) {
      *at++ = static_cast<char>(byte);
      i += 2;
    } else {
      *at++ = plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return at;
}

// False for a segment that a servlet container would read as another path than the one matched here.
bool is_honest_segment(std::string_view segment, bool last) {
  if (segment.empty()) return last;
  return segment != "." && segment != ".." && !base::equals_ignore_case(segment, "%2e") &&
         !base::equals_ignore_case(segment, "%2e%2e");
}

std::optional<QueryArg> split_arg(std::string_view& query) {
  if (query.empty()) return std::nullopt;
  const std::size_t end = std::min(query.find('&'), query.size());
  const std::string_view pair = query.substr(0, end);
  query.remove_prefix(std::min(end + 1, query.size()));
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return QueryArg{pair, {}, false};
  return QueryArg{pair.substr(0, equals), pair.substr(equals + 1), true};
}

}  // namespace

std::optional<NormalizedPath> normalize_path(std::string_view raw_path, base::Arena& arena) {
  if (!raw_path.starts_with('/')) return std::nullopt;
  if (is_plain(raw_path)) return NormalizedPath{raw_path};
  return normalize_slowly(raw_path, arena);
}

std::string_view escape_path(std::string_view path, base::Arena& arena) {
  return escape(path, arena, kPath);
}
std::string_view escape_args(std::string_view text, base::Arena& arena) {
  return escape(text, arena, kArgs);
}
std::string_view escape_component(std::string_view text, base::Arena& arena) {
  return escape(text, arena, kComponent);
}
std::string_view escape_control(std::string_view text, base::Arena& arena) {
  return escape(text, arena, kControl);
}

std::string_view unescape(std::string_view text, base::Arena& arena, bool plus_is_space) {
  if (text.find_first_of(plus_is_space ? "%+" : "%") == std::string_view::npos) return text;
  char* const out = arena.text(text.size());
  const char* const end = decode_escapes(text, out, plus_is_space);
  return {out, static_cast<std::size_t>(end - out)};
}

char* unescape_to(std::string_view text, char* out) {
  return decode_escapes(text, out, true);
}

std::optional<std::string_view> normalize_like_servlet(std::string_view path, base::Arena& arena) {
  if (path.find(';') == std::string_view::npos) return path;
  char* const out = arena.text(path.size());
  char* at = out;
  while (true) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const bool last = end == path.size();
    std::string_view segment = path.substr(0, end);
    if (const std::size_t parameters = segment.find(';'); parameters != std::string_view::npos) {
      segment = segment.substr(0, parameters);
      if (!is_honest_segment(segment, last)) return std::nullopt;
    }
    at += segment.copy(at, segment.size());
    if (last) return std::string_view(out, static_cast<std::size_t>(at - out));
    *at++ = '/';
    path.remove_prefix(end + 1);
  }
}

std::string_view delete_tail_slash(std::string_view path) {
  return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

std::optional<std::string_view> keep_encoded_slash(std::string_view raw_path, std::string_view normalized,
                                                   base::Arena& arena) {
  if (raw_path.find("%2F") == std::string_view::npos && raw_path.find("%2f") == std::string_view::npos) {
    return std::nullopt;
  }
  if (unescape(raw_path, arena, false) != normalized) return std::nullopt;
  char* const out = arena.text(raw_path.size());
  char* at = out;
  for (std::size_t i = 0; i < raw_path.size(); ++i) {
    const int byte = raw_path[i] == '%' ? decode_at(raw_path, i) : kNoDigit;
    if (byte < 0) {
      *at++ = raw_path[i];
      continue;
    }
    i += 2;
    if (byte == '/') {
      at += std::string_view("%2F").copy(at, 3);
    } else {
      *at++ = static_cast<char>(byte);
    }
  }
  return std::string_view(out, static_cast<std::size_t>(at - out));
}

std::optional<std::string_view> find_uri_host(std::string_view uri) {
  for (const std::string_view scheme : {"http:", "https:"}) {
    if (!base::equals_ignore_case(uri.substr(0, scheme.size()), scheme)) continue;
    uri.remove_prefix(scheme.size());
    break;
  }
  if (!uri.starts_with("//")) return std::nullopt;
  uri.remove_prefix(2);
  std::string_view host = uri.substr(0, uri.find_first_of("/?#"));
  // RFC 3986 has no backslash, and browsers take it for a slash: another host for each reader.
  if (host.contains('\\')) return std::nullopt;
  if (const auto at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  if (!is_valid_authority(host)) return std::nullopt;
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host.empty() ? std::nullopt : std::optional(host);
}

std::optional<QueryArg> next_arg(std::string_view& query) {
  while (const std::optional<QueryArg> arg = split_arg(query)) {
    if (!arg->name.empty()) return arg;
  }
  return std::nullopt;
}

std::optional<std::string_view> find_arg(std::string_view query, std::string_view name) {
  while (const std::optional<QueryArg> arg = next_arg(query)) {
    if (equals_decoded(arg->name, name)) return arg->value;
  }
  return std::nullopt;
}

QueryArgs decode_args(std::string_view query, base::Arena& arena, std::size_t count_max) {
  std::size_t count = 0;
  for (std::string_view rest = query; count < count_max && next_arg(rest);) ++count;
  if (count == 0) return {};
  auto* const out = static_cast<QueryArg*>(arena.allocate(count * sizeof(QueryArg), alignof(QueryArg)));
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<QueryArg> arg = next_arg(query);
    new (out + i) QueryArg{unescape(arg->name, arena), unescape(arg->value, arena), arg->has_value};
  }
  return {out, count};
}

}  // namespace apisix::http
