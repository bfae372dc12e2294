// The options of the local store, with the reasons for what it takes otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "shared/store/store.h"

namespace apisix::store {

// Address space, not memory or disk: the file grows with what is in it. A million routes with their log
// take 3 GiB; 64 GiB is far from both that and the 128 TiB of a process.
inline constexpr std::size_t kMapBytes = std::size_t{64} << 30;
// The log serves watches that lag. A worker lags by milliseconds; minutes of heavy writing are enough.
inline constexpr Revision kLogRevisionsMax = 10'000;
inline constexpr std::uint64_t kLogBytesMax = std::uint64_t{256} << 20;

// The owner of the files when root opens the store: nginx_config.user.
struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

// Which file it is, whatever its path says later.
struct StoreFileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const StoreFileId&) const = default;
};

// kFirst: nothing serves from it yet. It is made when it is missing, checked, mended from its own log, and
// brought to the newest format. kJoin: others serve from it: it must be there, and is checked. kJoinChecked:
// it was checked just now.
enum class Opening : unsigned char { kFirst, kJoin, kJoinChecked };

struct LocalStoreOptions {
  // "<prefix>/data/store.mdb". Its directory (one level) is made when it is missing, with mode 0700; the
  // files have mode 0600, because they hold keys and passwords.
  std::string path;
  std::optional<Owner> owner;
  std::size_t map_bytes = kMapBytes;
  Revision log_revisions_max = kLogRevisionsMax;
  std::uint64_t log_bytes_max = kLogBytesMax;
  Opening opening = Opening::kFirst;
  // Refuse any other file: what the rest of the gateway serves.
  std::optional<StoreFileId> expected = {};
  // What the gateway serves from until now: another file at the path must not share its locks.
  std::optional<StoreFileId> in_use = {};
};

}  // namespace apisix::store
