// logs/nginx.pid, where APISIX and its users' scripts keep it. The master holds two locks on it for as long
// as it lives: one (flock) says from the first moment on that an instance of this prefix runs, the other (a
// record lock) which process it is. The locks, not the number in the file, are believed, so that a file left
// over from a crash or an earlier container, or written by another program, never blocks a start nor gets a
// stranger killed.
#pragma once

#include <string>

#include <sys/types.h>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace apisix::master {

class PidFile {
 public:
  // Who holds the file of this prefix.
  struct Holder {
    enum class Kind : unsigned char {
      kNobody,   // no file
      kStale,    // a file whose process is gone, or is some other program
      kInvalid,  // a file without a pid in it
      kRunning,
    } kind = Kind::kNobody;
    pid_t pid = 0;      // kRunning: of the master; 0 while it has not said so yet
    pid_t written = 0;  // the number in the file, whatever it means
  };
  static std::string path(const std::string& prefix) { return prefix + "/logs/nginx.pid"; }
  // During a binary upgrade, that of the master that is being replaced; nginx's name for it.
  static std::string old_path(const std::string& prefix) { return path(prefix) + ".oldbin"; }
  static Holder holder(const std::string& prefix);
  static Holder old_holder(const std::string& prefix);
  // True once no process holds the file any more; false after `timeout_ms` (negative: no timeout).
  static bool wait_until_free(const std::string& prefix, int timeout_ms);

  // Locks the file, creating it. kConflict when an instance runs. The lock goes over to a forked master and
  // ends with the last process that has this object.
  static base::Result<PidFile> take(const std::string& prefix);
  // Writes this process's pid, and takes the record lock. From now on this process must not open the file.
  base::Status write();
  // Makes way for the file of a new master: ours is called old_path() from now on, and stays locked.
  base::Status set_aside();
  // Takes the name back, once the new master is gone. Does nothing when it was never given away.
  base::Status put_back();
  // Deletes the file; the last thing that a master does. Only if it is (still) ours.
  void remove();

 private:
  void lock_record();

  PidFile(const std::string& prefix, base::UniqueFd fd)
      : prefix_(prefix), path_(path(prefix)), fd_(std::move(fd)) {}

  std::string prefix_;
  std::string path_;  // now
  base::UniqueFd fd_;
};

}  // namespace apisix::master
