// ResolvConfFile: /etc/resolv.conf (resolv.conf(5)), read again when it changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/resolve/dns_client.h"
#include "shared/resolve/watched_file.h"

namespace apisix::resolve {

struct ResolvConf {
  std::vector<NameServer> nameservers;  // 127.0.0.1 when the file names none
  std::vector<std::string> search;      // lower case, without final dots; from `search`, else `domain`
  std::uint32_t ndots = 1;              // at most 15
};

// Unknown keywords and options are skipped, as resolvers do.
ResolvConf parse_resolv_conf(std::string_view text);

class ResolvConfFile {
 public:
  explicit ResolvConfFile(std::string path);

  // True if the file changed since the last call and was read again.
  bool reload();
  const ResolvConf& conf() const { return conf_; }

 private:
  WatchedFile file_;
  ResolvConf conf_;
};

}  // namespace apisix::resolve
