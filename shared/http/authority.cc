#include "shared/http/authority.h"

#include <array>
#include <bit>
#include <expected>

#include "shared/base/text.h"
#include "shared/http/h1/scan.h"

namespace apisix::http {
namespace {

constexpr std::array<bool, 256> host_characters() {
  std::array<bool, 256> out{};
  for (int c = '0'; c <= '9'; ++c) out[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) out[c] = out[c - 0x20] = true;
  for (const char c : std::string_view("-._~!$&'()*+,;=%")) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr std::array<bool, 256> kHostCharacters = host_characters();

bool is_hex_digit(char c) {
  return base::is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "[" 1*( HEXDIG / ":" / "." ) "]"; returns what is behind, or nothing.
std::expected<std::string_view, bool> skip_ip_literal(std::string_view text) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos || close < 3) return std::unexpected(false);
  for (const char c : text.substr(1, close - 1)) {
    if (!is_hex_digit(c) && c != ':' && c != '.') return std::unexpected(false);
  }
  return text.substr(close + 1);
}

bool is_valid_port_suffix(std::string_view suffix) {
  if (suffix.empty()) return true;
  if (suffix.front() != ':' || suffix.size() > 6) return false;
  unsigned port = 0;
  for (const char c : suffix.substr(1)) {
    if (!base::is_digit(c)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;
}

// Of 16 bytes and those one place in front of them: what no plain host has.
scan::Mask find_odd(scan::Bytes here, scan::Bytes before) {
  const auto letter = static_cast<scan::Bytes>(here - 'a') < 26;
  const auto number = (static_cast<scan::Bytes>(here - '-') < 13) & (here != '/');  // - . / 0 to 9
  return scan::mask_of(~(letter | number) | ((here == '.') & (before == '.')));
}

// Where the plain host at `at` ends. 17 bytes in front of `end` may be read.
const char* find_host_end(const char* at, const char* end) {
  for (; end - at >= 16; at += 16) {
    const unsigned odd = find_odd(scan::load(at), scan::load(at - 1));
    if (odd != 0) return at + std::countr_zero(odd);
  }
  const unsigned odd = find_odd(scan::load(end - 16), scan::load(end - 17));
  const unsigned unseen = odd >> (16 - (end - at));
  return unseen != 0 ? at + std::countr_zero(unseen) : end;
}

// A colon and up to four digits, or nothing, in [at, end): most ports. 16 bytes in front of `end` may be
// read.
bool is_short_port(const char* at, const char* end) {
  if (at == end) return true;
  if (*at != ':' || end - at > 5) return false;
  const auto others = static_cast<scan::Bytes>(scan::load(end - 16) - '0') > 9;
  return scan::mask_of(others) >> (17 - (end - at)) == 0;
}

}  // namespace

bool is_valid_authority(std::string_view authority) {
  if (authority.empty()) return false;
  if (authority.front() == '[') {
    const auto suffix = skip_ip_literal(authority);
    return suffix && is_valid_port_suffix(*suffix);
  }
  std::size_t at = 0;
  char previous = '\0';
  for (; at < authority.size() && kHostCharacters[static_cast<unsigned char>(authority[at])]; ++at) {
    if (authority[at] == '.' && previous == '.') return false;
    previous = authority[at];
  }
  const bool is_dot_alone = at == 1 && previous == '.';
  return at != 0 && !is_dot_alone && is_valid_port_suffix(authority.substr(at));
}

std::size_t plain_host_bytes(const char* begin, std::string_view authority) {
  const char* const at = authority.data();
  const char* const end = at + authority.size();
  if (end - begin < 17 || at == begin) return 0;
  const char* const stop = find_host_end(at, end);
  if (stop == at || stop[-1] == '.') return 0;
  if (!is_short_port(stop, end) && !is_valid_port_suffix(authority.substr(stop - at))) return 0;
  return static_cast<std::size_t>(stop - at);
}

}  // namespace apisix::http
