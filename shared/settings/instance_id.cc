#include "shared/settings/instance_id.h"

#include <array>

#include <sys/random.h>

#include "shared/base/file.h"

namespace apisix::settings {
namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

base::Result<std::string> random_uuid() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return base::system_error("getrandom", errno);
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string uuid;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += kHex[bytes[i] >> 4];
    uuid += kHex[bytes[i] & 15];
  }
  return uuid;
}

base::Result<std::string> instance_id(const Settings& settings, const std::string& prefix) {
  const std::string path = prefix + "/conf/apisix.uid";
  constexpr std::size_t kIdBytesMax = 4096;
  const auto stored = base::read_file(path, kIdBytesMax);
  if (!stored && stored.error().code != base::ErrorCode::kNotFound) return stored;
  if (std::string id = stored ? trimmed(*stored) : std::string(); !id.empty()) return id;

  std::string id = trimmed(settings.apisix.id);
  if (id.empty()) {
    auto uuid = random_uuid();
    if (!uuid) return uuid;
    id = *std::move(uuid);
  }
  if (const auto written = base::replace_file(path, id); !written) return std::unexpected(written.error());
  return id;
}

}  // namespace apisix::settings
