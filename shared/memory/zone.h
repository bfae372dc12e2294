// Zone: memory that all processes of one instance share. Made by the master before the first fork as a memfd,
// so that a new binary can inherit it; mapped at the same address in each child. Starts zeroed.
// What lives in it is plain atomics: a process killed in the middle of an update must leave it usable.
#pragma once

#include <cstddef>
#include <string>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace apisix::memory {

class Zone {
 public:
  // `name` is what /proc/<pid>/maps shows. The size is fixed.
  static base::Result<Zone> create(const std::string& name, std::size_t bytes);
  ~Zone();
  Zone(Zone&& other) noexcept;
  Zone& operator=(Zone&&) = delete;
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }

 private:
  Zone(base::UniqueFd fd, void* data, std::size_t bytes) : fd_(std::move(fd)), data_(data), bytes_(bytes) {}

  base::UniqueFd fd_;
  void* data_;
  std::size_t bytes_;
};

}  // namespace apisix::memory
