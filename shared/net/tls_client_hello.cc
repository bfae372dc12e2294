#include "shared/net/tls_client_hello.h"

#include <algorithm>
#include <cstddef>

namespace apisix::net {
namespace {

constexpr std::size_t kNameBytesMax = 255;  // TLSEXT_MAXLEN_host_name
constexpr char kHostName = 0;

// Names are ASCII, and are logged.
bool is_of_name(char c) {
  return c > ' ' && c < '\x7f';
}

// A length in two bytes, taken from the front.
std::optional<std::size_t> take_length(std::string_view& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const std::size_t length =
      std::size_t{static_cast<unsigned char>(bytes[0])} << 8 | static_cast<unsigned char>(bytes[1]);
  bytes.remove_prefix(2);
  return length;
}

}  // namespace

// One name of one type is all that there ever was (RFC 6066 3; RFC 8446 has the client send no other).
std::optional<std::string_view> server_name_of(std::string_view extension) {
  const auto list_bytes = take_length(extension);
  if (!list_bytes || *list_bytes != extension.size() || extension.empty()) return std::nullopt;
  if (extension[0] != kHostName) return std::nullopt;
  extension.remove_prefix(1);
  const auto name_bytes = take_length(extension);
  if (!name_bytes || *name_bytes != extension.size()) return std::nullopt;
  if (extension.empty() || extension.size() > kNameBytesMax) return std::nullopt;
  if (!std::ranges::all_of(extension, is_of_name)) return std::nullopt;
  return extension;
}

}  // namespace apisix::net
