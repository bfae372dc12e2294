// Zone: memory that all processes of one instance share. Made by the master before the first fork as a memfd,
// so that a new binary can inherit it; mapped at the same address in each child. Starts zeroed; pages that
// are never touched cost nothing. What lives in it is plain atomics, fixed-size slots and robust locks: a
// process killed in the middle of an update must leave it usable.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace apisix::memory {

// First thing in every zone: what a new binary checks before it uses what an older one made.
struct ZoneHeader {
  std::atomic<std::uint64_t> layout;  // of fingerprint(); 0 = not made completely
  std::atomic<std::uint64_t> bytes;   // of the zone

  // `version` changes with every change of the layout, `shape` is whatever else must be equal.
  static constexpr std::uint64_t fingerprint(std::uint32_t kind, std::uint32_t version, std::uint32_t shape) {
    return 0xA215'0000'0000'0000ULL ^ (std::uint64_t{kind} << 40) ^ (std::uint64_t{version} << 32) ^ shape;
  }
};

class Zone {
 public:
  // `name` is what /proc/<pid>/maps shows. The size is fixed.
  static base::Result<Zone> create(const std::string& name, std::size_t bytes);
  // Maps a zone that another binary made, from a descriptor that was inherited; takes the descriptor.
  static base::Result<Zone> open(const std::string& name, base::UniqueFd fd);
  // The same, only to look at: writing to it is a fault.
  static base::Result<Zone> open_to_read(const std::string& name, base::UniqueFd fd);
  // That of a running master, to look at. kNotFound when it has none of that name, kIo when it cannot be
  // opened (only root and the master's own user may).
  static base::Result<Zone> attach(std::int32_t master_pid, const std::string& name);
  ~Zone();
  Zone(Zone&& other) noexcept;
  Zone& operator=(Zone&&) = delete;
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  const std::string& name() const { return name_; }
  void* data() const { return data_; }
  std::byte* at(std::size_t offset) const { return static_cast<std::byte*>(data_) + offset; }
  std::size_t bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }

  ZoneHeader& header() const { return *static_cast<ZoneHeader*>(data_); }
  // The last step of making a zone.
  void seal(std::uint64_t layout);
  // An Error when the zone is not one of `layout`.
  base::Status check(std::uint64_t layout) const;

  // The first touched byte at or after `offset`, at most `end`. Looking at untouched pages would allocate
  // them. Needs the descriptor: for the master.
  std::size_t find_touched(std::size_t offset, std::size_t end) const;
  // Gives the pages of a range back: it reads as zeros again. For the master. Whole pages only.
  void forget(std::size_t offset, std::size_t bytes) const;

 private:
  Zone(std::string name, base::UniqueFd fd, void* data, std::size_t bytes)
      : name_(std::move(name)), fd_(std::move(fd)), data_(data), bytes_(bytes) {}
  static base::Result<Zone> map(const std::string& name, base::UniqueFd fd, std::size_t bytes,
                                int protection);
  static base::Result<Zone> map_all(const std::string& name, base::UniqueFd fd, int protection);

  std::string name_;
  base::UniqueFd fd_;
  void* data_;
  std::size_t bytes_;
};

}  // namespace apisix::memory
