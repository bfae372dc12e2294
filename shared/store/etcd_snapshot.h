// The last known good configuration on disk: everything that was below etcd's prefix, as it was there (values
// encrypted at rest stay so). Written by the agent, read by workers that start while etcd is away.
//
// One file, replaced as a whole, mode 0600, for the owner of its folder; its checksum covers all of it. A
// reader gets a whole configuration or an error, never a part of one (the invariant of the snapshot).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::store {

struct EtcdSnapshot {
  std::string prefix;              // deployment.etcd.prefix
  std::vector<std::string> hosts;  // deployment.etcd.host
  std::uint64_t written_ms = 0;    // wall clock
  ListReply list;
};

// "<prefix>/data/etcd-snapshot"
std::string etcd_snapshot_path(const std::string& runtime_prefix);

// Encodes items one by one, in the order of their keys: EtcdSnapshot without a second copy of everything.
class EtcdSnapshotEncoder {
 public:
  // `list` without items.
  EtcdSnapshotEncoder(const EtcdSnapshot& head, std::size_t items);
  void add(std::string_view key, const Item& item);
  // What seal_snapshot() makes a file of.
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};
// Appends the checksum.
std::string seal_snapshot(std::string encoded);
// kInvalid: cut off, damaged, or of another version.
base::Result<EtcdSnapshot> decode_snapshot(std::string_view bytes);

// Waits for the disk. Follows no link in the last part of the path, and gives the file to the folder's owner:
// the folder may belong to a user that root must not trust.
base::Status write_snapshot_file(const std::string& path, std::string_view bytes);
// kNotFound: there is none. kInvalid also for one of another prefix, or of an etcd that shares no endpoint.
base::Result<EtcdSnapshot> read_snapshot_for(const std::string& path, const settings::Deployment::Etcd& etcd);

}  // namespace apisix::store
