// ScratchFolder: a folder of a command, for as long as it runs: deleted with the object, and when a signal
// ends the process. One at a time in a process.
#pragma once

#include <string>

namespace apisix::worker {

class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  // Empty: it could not be made; errno says why.
  const std::string& path() const { return path_; }
  // Where a file of this name is in it. Only those that are named here go when a signal ends the process.
  std::string file(const char* name) const;

 private:
  std::string path_;
};

}  // namespace apisix::worker
