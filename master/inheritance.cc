#include "master/inheritance.h"

#include <algorithm>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <systemd/sd-daemon.h>

#include "shared/base/text.h"

namespace apisix::master {
namespace {

constexpr const char* kVariable = "APISIX_INHERITED";

std::unexpected<base::Error> damaged(std::string_view what) {
  return base::invalid(fmt::format("{} is damaged at \"{}\"", kVariable, what));
}

// An open descriptor above the standard three, closed in whatever we execute later.
base::Result<base::UniqueFd> take_fd(std::string_view text) {
  const auto fd = base::parse_integer<int>(text);
  if (!fd || *fd <= STDERR_FILENO || ::fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0) return damaged(text);
  return base::UniqueFd(*fd);
}

base::Status take_sockets(std::string_view list, Inheritance& out) {
  if (list.empty()) return {};
  for (const std::string_view item : base::split(list, ',')) {
    auto fd = take_fd(item);
    if (!fd) return std::unexpected(fd.error());
    out.sockets.push_back(std::move(*fd));
  }
  return {};
}

base::Status take_zones(std::string_view list, Inheritance& out) {
  if (list.empty()) return {};
  for (const std::string_view item : base::split(list, ',')) {
    const auto colon = item.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return damaged(item);
    auto fd = take_fd(item.substr(colon + 1));
    if (!fd) return std::unexpected(fd.error());
    out.zones.push_back({std::string(item.substr(0, colon)), std::move(*fd)});
  }
  return {};
}

base::Status take_store(std::string_view value, Inheritance& out) {
  const auto colon = std::min(value.find(':'), value.size());
  const auto device = base::parse_integer<std::uint64_t>(value.substr(0, colon));
  const auto inode = base::parse_integer<std::uint64_t>(value.substr(std::min(colon + 1, value.size())));
  if (!device || !inode) return damaged(value);
  out.store = {*device, *inode};
  return {};
}

base::Status take_entry(std::string_view key, std::string_view value, Inheritance& out) {
  if (key == "sockets") return take_sockets(value, out);
  if (key == "zones") return take_zones(value, out);
  if (key == "store") return take_store(value, out);
  if (key == "report") {
    auto fd = take_fd(value);
    if (!fd) return std::unexpected(fd.error());
    out.report = std::move(*fd);
  } else if (key == "generation") {
    const auto number = base::parse_integer<std::uint32_t>(value);
    if (!number) return damaged(value);
    out.generation = *number;
  }
  return {};
}

void take_activated_sockets(Inheritance& out) {
  const int count = ::sd_listen_fds(/*unset_environment=*/1);
  for (int i = 0; i < count; ++i) out.sockets.emplace_back(SD_LISTEN_FDS_START + i);
}

}  // namespace

base::UniqueFd Inheritance::take_zone(std::string_view name) {
  for (NamedZone& zone : zones) {
    if (zone.name == name) return std::move(zone.fd);
  }
  return {};
}

base::Result<Inheritance> parse_inheritance(std::string_view text) {
  Inheritance out;
  for (const std::string_view entry : base::split(text, ';')) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) return damaged(entry);
    if (auto taken = take_entry(entry.substr(0, equals), entry.substr(equals + 1), out); !taken) {
      return std::unexpected(taken.error());
    }
  }
  return out;
}

base::Result<Inheritance> take_inheritance() {
  const char* const text = std::getenv(kVariable);
  if (text == nullptr) {
    Inheritance out;
    take_activated_sockets(out);
    return out;
  }
  auto out = parse_inheritance(text);
  ::unsetenv(kVariable);
  return out;
}

std::string Bequest::environment_entry() const {
  std::vector<std::string> named;
  for (const memory::ZoneHandle& zone : zones) named.push_back(fmt::format("{}:{}", zone.name, zone.fd));
  return fmt::format("{}=sockets={};zones={};report={};generation={};store={}:{}", kVariable,
                     fmt::join(sockets, ","), fmt::join(named, ","), report, generation, store.device,
                     store.inode);
}

std::vector<int> Bequest::fds() const {
  std::vector<int> out = sockets;
  for (const memory::ZoneHandle& zone : zones) out.push_back(zone.fd);
  out.push_back(report);
  return out;
}

}  // namespace apisix::master
