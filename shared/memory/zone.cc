#include "shared/memory/zone.h"

#include <cerrno>
#include <utility>

#include <sys/mman.h>

namespace apisix::memory {

base::Result<Zone> Zone::create(const std::string& name, std::size_t bytes) {
  const std::string doing = "cannot make the shared memory zone \"" + name + "\"";
  base::UniqueFd fd(::memfd_create(("apisix-" + name).c_str(), MFD_CLOEXEC));
  if (!fd) return base::system_error(doing, errno);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return base::system_error(doing, errno);
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return base::system_error(doing, errno);
  return Zone(std::move(fd), data, bytes);
}

Zone::Zone(Zone&& other) noexcept
    : fd_(std::move(other.fd_)), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

Zone::~Zone() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace apisix::memory
