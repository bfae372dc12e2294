// One reading of apisix.yaml or apisix.json: what it says, as items of the store, and which bytes of which
// file it was. Made on any thread; owned by who asked for it. It logs nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/resource/document.h"

namespace apisix::store {

struct FileStoreOptions {
  std::string path;  // absolute: "<prefix>/conf/apisix.yaml"
  resource::DocumentFormat format = resource::DocumentFormat::kYaml;
  std::string prefix = "/apisix";  // of the store's keys
  format::EnvironmentLookup environment = format::own_environment;
  // Where the text of the last good reading is kept, for a worker that starts while the file is faulty.
  // Every worker writes it, each time the whole of it. Empty: nowhere.
  std::string last_good_path;
};

// Tells without reading whether a file is another one. Not the time of the last change of its inode: a hard
// link to it is no news.
struct FileIdentity {
  static constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;

  std::int64_t modified_seconds() const { return modified_ns / kNanosecondsPerSecond; }
  bool operator==(const FileIdentity&) const = default;
};
// Links are followed; nothing when it is not there.
std::optional<FileIdentity> identify_file(const std::string& path);

struct FileEntry {
  std::string key;    // whole: "/apisix/routes/1"
  std::string value;  // JSON
};

struct FileSnapshot {
  FileIdentity identity;
  std::size_t text_hash = 0;
  std::vector<FileEntry> entries;   // in the document's order: services before the routes that use them
  std::vector<std::string> faults;  // of elements that are no items, for logs
  std::string keep_trouble;         // why the text could not be kept; empty: it was
};

// Errors name the file. kConflict, retryable: it was changed while it was read.
base::Result<FileSnapshot> read_snapshot(const FileStoreOptions& options);
// What the last good reading was, by whichever worker.
base::Result<FileSnapshot> read_last_good(const FileStoreOptions& options);

}  // namespace apisix::store
