#include "shared/memory/zone.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace apisix::memory {

base::Result<Zone> Zone::map(const std::string& name, base::UniqueFd fd, std::size_t bytes, int protection) {
  void* data = ::mmap(nullptr, bytes, protection, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return base::system_error("cannot map the shared memory zone \"" + name + "\"", errno);
  }
  return Zone(name, std::move(fd), data, bytes);
}

base::Result<Zone> Zone::create(const std::string& name, std::size_t bytes) {
  const std::string doing = "cannot make the shared memory zone \"" + name + "\"";
  base::UniqueFd fd(::memfd_create(("apisix-" + name).c_str(), MFD_CLOEXEC));
  if (!fd) return base::system_error(doing, errno);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return base::system_error(doing, errno);
  return map(name, std::move(fd), bytes, PROT_READ | PROT_WRITE);
}

base::Result<Zone> Zone::open(const std::string& name, base::UniqueFd fd) {
  return map_all(name, std::move(fd), PROT_READ | PROT_WRITE);
}

base::Result<Zone> Zone::open_to_read(const std::string& name, base::UniqueFd fd) {
  return map_all(name, std::move(fd), PROT_READ);
}

base::Result<Zone> Zone::attach(std::int32_t master_pid, const std::string& name) {
  const std::string folder = "/proc/" + std::to_string(master_pid) + "/fd";
  const std::string doing = "cannot open the " + name + " zone of process " + std::to_string(master_pid);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
    if (!target.starts_with("/memfd:apisix-" + name + " ")) continue;
    base::UniqueFd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    return fd ? open_to_read(name, std::move(fd)) : base::system_error(doing, errno);
  }
  if (error) return base::system_error(doing, error.value());
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                    "process " + std::to_string(master_pid) + " has no " + name + " zone");
}

base::Result<Zone> Zone::map_all(const std::string& name, base::UniqueFd fd, int protection) {
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0 || info.st_size < static_cast<off_t>(sizeof(ZoneHeader))) {
    return base::invalid("the inherited descriptor of the shared memory zone \"" + name + "\" is none");
  }
  return map(name, std::move(fd), static_cast<std::size_t>(info.st_size), protection);
}

Zone::Zone(Zone&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(other.bytes_) {}

Zone::~Zone() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

void Zone::seal(std::uint64_t layout) {
  header().bytes.store(bytes_);
  header().layout.store(layout);
}

base::Status Zone::check(std::uint64_t layout) const {
  if (header().layout.load() == layout && header().bytes.load() == bytes_) return {};
  return base::invalid("the shared memory zone \"" + name_ + "\" was made by a version with another layout");
}

std::size_t Zone::find_touched(std::size_t offset, std::size_t end) const {
  const off_t found = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (found >= 0) return std::min(static_cast<std::size_t>(found), end);
  // ENXIO: nothing but a hole up to the end. Any other error: look at all of it.
  return errno == ENXIO ? end : offset;
}

void Zone::forget(std::size_t offset, std::size_t bytes) const {
  ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
              static_cast<off_t>(bytes));
}

}  // namespace apisix::memory
