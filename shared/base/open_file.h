// Files that a process with rights of its own opens and makes in folders that may be another user's. Modes
// are exact, whatever the umask. A symbolic link of root or of this process's user is followed. One of
// another user is followed only to what belongs to that user: who can write into logs/ must not make root
// write, create or give away files elsewhere.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace apisix::base {

// Where a path ends once its links are followed: a name in an open folder (O_PATH).
struct Place {
  UniqueFd folder;
  std::string name;
  std::optional<uid_t> link_owner;  // of the links that are not root's nor ours; none: there were none
  bool by_link = false;             // the path itself is a link
  bool is_magic = false;            // `name` is a link of procfs to an open file (/dev/stdout, /proc/1/fd/2)
};
Result<Place> find_place(const std::string& path);
// kInvalid when links of another user lead to what is not theirs: the file, or the folder when there is none.
Status check_owner(const Place& place, const std::string& path);

struct OpenedFile {
  UniqueFd fd;
  bool is_new = false;   // made by this call
  bool by_link = false;  // the path is a link
};
// open(2) with O_CLOEXEC; a file that O_CREAT makes has exactly `mode`. Error kInvalid for what the link rule
// refuses, and for a file in another user's folder that has more names (hard links) and is not that user's;
// else kIo.
Result<OpenedFile> open_file(const std::string& path, int flags, unsigned mode = 0644);

// Makes the folder with exactly `mode`. One that is there stays as it is. The same rules for links.
Status make_folder(const std::string& path, unsigned mode);

}  // namespace apisix::base
