// What a master finds when it begins: the listening sockets and the shared memory of the master that it is
// about to replace (a binary upgrade), or listening sockets of the service manager (socket activation).
// Handed over as open descriptors over an exec, named in the environment. Of the embedded store, which file
// is in use.
//
//   APISIX_INHERITED=sockets=7,8;zones=status:5,counters:6;report=9;generation=4;store=2049:1234
//   LISTEN_FDS=2 LISTEN_PID=...      as in sd_listen_fds(3)
//
// Zones are known by name alone: a binary takes those that it knows and closes the others. Keys that it does
// not know are skipped, so that a newer master can replace an older one and the other way round.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/memory/zones.h"

namespace apisix::master {

struct NamedZone {
  std::string name;
  base::UniqueFd fd;
};

// The embedded store's file; inode 0: none, or a master that does not tell.
struct StoreInUse {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct Inheritance {
  std::vector<base::UniqueFd> sockets;
  std::vector<NamedZone> zones;
  base::UniqueFd report;         // to the master that is to be replaced; none: there is none
  std::uint32_t generation = 0;  // the last one of that master
  StoreInUse store = {};

  bool replaces_a_master() const { return static_cast<bool>(report); }
  // None when there is no zone of that name.
  base::UniqueFd take_zone(std::string_view name);
};

// Reads what this process was given and takes it out of the environment, so that no child finds it.
// kInvalid when the text is damaged.
base::Result<Inheritance> take_inheritance();

// The other side: descriptors that stay the giver's own.
struct Bequest {
  std::vector<int> sockets;
  std::vector<memory::ZoneHandle> zones;
  int report = -1;
  std::uint32_t generation = 0;
  StoreInUse store = {};

  // "APISIX_INHERITED=..."
  std::string environment_entry() const;
  std::vector<int> fds() const;
};

base::Result<Inheritance> parse_inheritance(std::string_view text);

}  // namespace apisix::master
