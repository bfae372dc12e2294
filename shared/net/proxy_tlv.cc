#include "shared/net/proxy_tlv.h"

#include <charconv>
#include <cstdint>
#include <span>

namespace apisix::net {
namespace {

struct Name {
  std::string_view name;
  std::uint32_t type;
};

constexpr std::uint32_t kSsl = 0x20;
constexpr Name kNames[] = {
    {"alpn", 0x01}, {"authority", 0x02}, {"unique_id", 0x05}, {"ssl", kSsl}, {"netns", 0x30}};
constexpr Name kSslNames[] = {
    {"version", 0x21}, {"cn", 0x22}, {"cipher", 0x23}, {"sig_alg", 0x24}, {"key_alg", 0x25}};
constexpr std::string_view kSslPrefix = "ssl_";
// In front of the fields inside of "ssl": a byte of flags, and what came of the client's certificate.
constexpr std::size_t kVerifyAt = 1;
constexpr std::size_t kSslFieldsAt = 5;

std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::optional<std::uint32_t> type_of(std::string_view name, std::span<const Name> names) {
  for (const Name& known : names) {
    if (known.name == name) return known.type;
  }
  if (!name.starts_with("0x")) return std::nullopt;
  name.remove_prefix(2);
  std::uint32_t type = 0;
  const auto [end, error] = std::from_chars(name.begin(), name.end(), type, 16);
  if (error != std::errc{} || end != name.end()) return std::nullopt;
  return type;
}

std::optional<std::string_view> find_type(std::string_view tlvs, std::uint32_t type) {
  constexpr std::size_t kHeadBytes = 3;
  while (tlvs.size() >= kHeadBytes) {
    const std::size_t size = byte_at(tlvs, 1) << 8 | byte_at(tlvs, 2);
    const bool is_it = byte_at(tlvs, 0) == type;
    tlvs.remove_prefix(kHeadBytes);
    if (tlvs.size() < size) break;
    if (is_it) return tlvs.substr(0, size);
    tlvs.remove_prefix(size);
  }
  return std::nullopt;
}

std::optional<std::string> value_in(std::string_view tlvs, std::string_view name,
                                    std::span<const Name> names) {
  const auto type = type_of(name, names);
  if (!type) return std::nullopt;
  const auto value = find_type(tlvs, *type);
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

}  // namespace

std::optional<std::string> find_proxy_tlv(std::string_view tlvs, std::string_view name) {
  if (!name.starts_with(kSslPrefix)) return value_in(tlvs, name, kNames);
  const auto ssl = find_type(tlvs, kSsl);
  if (!ssl || ssl->size() < kSslFieldsAt) return std::nullopt;
  name.remove_prefix(kSslPrefix.size());
  if (name != "verify") return value_in(ssl->substr(kSslFieldsAt), name, kSslNames);
  std::uint32_t verified = 0;
  for (std::size_t i = kVerifyAt; i < kSslFieldsAt; ++i) verified = verified << 8 | byte_at(*ssl, i);
  return std::to_string(verified);
}

}  // namespace apisix::net
