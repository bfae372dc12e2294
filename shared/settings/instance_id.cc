#include "shared/settings/instance_id.h"

#include <array>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/open_file.h"

namespace apisix::settings {
namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// "" when there is none, or none that can be read.
std::string stored_id(const std::string& path) {
  constexpr std::size_t kIdBytesMax = 4096;
  const auto stored = base::read_file(path, kIdBytesMax);
  return stored ? trimmed(*stored) : std::string();
}

// The folder belongs to the workers' user, whose links must not make root tell what another file says.
std::string spare_id(const std::string& path) {
  std::array<char, 256> text;
  const auto file = base::open_file(path, O_RDONLY | O_NONBLOCK);
  const ssize_t got = file ? ::pread(file->fd.get(), text.data(), text.size(), 0) : -1;
  return got > 0 ? trimmed(std::string(text.data(), static_cast<std::size_t>(got))) : std::string();
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

base::Result<InstanceId> instance_id(const Settings& settings, const std::string& prefix) {
  const std::string path = prefix + "/conf/apisix.uid";
  if (std::string id = stored_id(path); !id.empty()) return InstanceId{std::move(id), {}};
  const std::string spare_path = prefix + "/data/apisix.uid";
  InstanceId out{trimmed(settings.apisix.id), {}};
  const bool is_configured = !out.text.empty();
  if (!is_configured) out.text = spare_id(spare_path);
  const bool is_new = out.text.empty();
  if (is_new) {
    auto uuid = random_uuid();
    if (!uuid) return std::unexpected(uuid.error());
    out.text = *std::move(uuid);
  }
  const auto written = base::replace_file(path, out.text);
  if (written || is_configured) return out;
  const auto spare = is_new ? base::replace_file(spare_path, out.text) : base::Status();
  out.remark =
      spare ? fmt::format("{}: the id {} of this instance is kept in {}", written.error().what, out.text,
                          spare_path)
            : fmt::format("{}; {}: the id {} of this instance lasts until it is stopped: set apisix.id",
                          written.error().what, spare.error().what, out.text);
  return out;
}

}  // namespace apisix::settings
