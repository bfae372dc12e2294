// Who the children are. Workers, which parse what clients send, become nginx_config.user and can never get
// privileges back; the privileged agent stays who the master is and keeps a few capabilities.
//
// The agent's capabilities come from what config.yaml gives it to do:
//   CAP_DAC_OVERRIDE      reads and replaces files below logs/ and data/, which belong to the workers' user
//   CAP_CHOWN             hands what it makes there (rotated logs, snapshots) to that user
//   CAP_NET_BIND_SERVICE  only if the metrics server has a low port
//   CAP_KILL              only if there is a runner of external plugins to be ended
// No CAP_SETUID, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_*: nothing it does needs them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "shared/base/result.h"
#include "shared/settings/settings.h"

namespace apisix::master {

struct Identity {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// What nginx's `user` directive means: "name" or "name group". kInvalid when either does not exist.
base::Result<Identity> find_identity(const std::string& user);

// access(2) as `identity` would see it, with the same `mode`. Asks the kernel, in a short-lived child
// process, so that modes, groups and access lists of every parent folder count.
bool can_access(const Identity& identity, const std::string& path, int mode);

// Irrevocably becomes `identity`, with its groups and no capability.
base::Status become(const Identity& identity);
// Numbers of capabilities, for the agent of this configuration.
std::vector<int> agent_capabilities(const settings::Settings& settings);
// Keeps these capabilities only, as far as they are there, in all sets, and never gets more.
base::Status keep_capabilities(const std::vector<int>& kept);

// Raises the limit of open files to `wanted`. The text says what could not be had; none: all well.
std::optional<std::string> raise_open_files(std::int64_t wanted);

}  // namespace apisix::master
