// Is a store's file whole? Asked before LMDB opens it: its pages (lmdb_pages.h), then every record, by its
// checksum and against the others. Reads the file once, with pread(): 100,000 routes (100 MiB) take a part of
// a second, and a file that is cut short meanwhile raises no SIGBUS.
#pragma once

#include <string>
#include <vector>

#include "shared/store/record.h"

namespace apisix::store {

// What may be mended from the rest of the file (lmdb_repair.cc).
struct StoreFaults {
  std::vector<std::string> items;  // keys whose value does not match its checksum
  Revision log_until = 0;          // the last revision with a damaged event in the log; 0: there is none

  bool none() const { return items.empty() && log_until == 0; }
};

// Another process may write to the file meanwhile. kInvalid: it is damaged beyond that; the text begins with
// the path and ends with what to do.
base::Result<StoreFaults> check_store(const std::string& path);

// The end of every text that refuses a damaged store.
inline constexpr std::string_view kWhatToDo =
    "put a backup of the file in its place, or move it away to begin with an empty configuration "
    "(docs/OPERATIONS.md, \"The embedded store\")";

// "PATH: the value of KEY does not match its checksum ...; put a backup ...".
std::unexpected<base::Error> refuse_damaged_items(const std::string& path,
                                                  const std::vector<std::string>& keys);

}  // namespace apisix::store
