// HostsFile: /etc/hosts, read again when it changed. Per name and family the first line counts.
// `localhost` is always there (RFC 6761).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/text.h"
#include "shared/resolve/watched_file.h"

namespace apisix::resolve {

struct HostsEntry {
  bool has_v4 = false;
  bool has_v6 = false;
  base::IpAddress v4;
  base::IpAddress v6;
};

using HostsTable = std::unordered_map<std::string, HostsEntry, base::StringHash, std::equal_to<>>;

// Lines "address name...", '#' starts a comment; lines that are not so are skipped. Names in lower case.
HostsTable parse_hosts(std::string_view text);

class HostsFile {
 public:
  explicit HostsFile(std::string path);

  // Reads the file if it changed since; true if it did. A file that is missing is an empty one.
  bool reload();
  // v4 if there is one, else v6 if `enable_ipv6`; none: the name is not in the file.
  std::vector<base::IpAddress> find(std::string_view lower_name, bool enable_ipv6) const;

 private:
  WatchedFile file_;
  HostsTable table_;
};

}  // namespace apisix::resolve
