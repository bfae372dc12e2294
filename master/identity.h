// Which process is a master of a prefix. The number in a pid file proves nothing: the file may be left over,
// be written by another program, or name a pid that another program has by now. What counts, beside the title
// of the process, is what only the master can have: the lock of the pid file, or the file itself, open.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace apisix::master {

// The process that has the record lock of a pid file, as the kernel knows it (fcntl(2), F_GETLK); 0: none, or
// one of another pid namespace. The owner must not ask: its lock ends when it closes any descriptor of the
// file.
pid_t lock_owner(int pid_file);

// Whether `pid` is a master of `prefix`: it has locked one of its pid files, or has one of them open (also a
// deleted one); of an nginx-based APISIX: its command line names the prefix.
bool is_master_of(const std::string& prefix, pid_t pid);

// Masters that have this pid file open, also when it was deleted or replaced since. Looks at every process.
std::vector<pid_t> masters_with(const std::string& pid_file);

}  // namespace apisix::master
