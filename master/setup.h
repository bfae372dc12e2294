// What must be right before anything is started: config.yaml, folders, admin keys, the instance's id, the
// workers' user. The same for `init`, `start`, `reload` and a HUP.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "master/privileges.h"
#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/channel/child_context.h"
#include "shared/memory/zones.h"
#include "shared/settings/load.h"

namespace apisix::master {

inline constexpr std::uint64_t kReadyTimeoutMs = 60'000;

// The embedded store's file (store_file.h); inode 0: the configuration is elsewhere.
struct FoundStore {
  base::UniqueFd held;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct Setup {
  std::string prefix;  // absolute, no slash at the end
  std::string config_path;
  settings::Settings settings;
  std::string instance_id;
  channel::AdminCertificate admin_certificate;
  std::uint64_t made_at_ms = 0;  // wall clock: when config.yaml was read
  int workers = 1;
  // How long its processes may take to load the configuration.
  std::uint64_t ready_timeout_ms = kReadyTimeoutMs;
  FoundStore store;
  std::optional<Identity> identity;   // the workers', when the master is root and they are not
  std::vector<std::string> notes;     // for the terminal, one line each
  std::vector<std::string> warnings;  // the same, more serious
  // For error.log alone, at warn: what works in another way than the configuration may make one expect.
  std::vector<std::string> log_lines;
};

// Reads and checks config.yaml; changes nothing on the machine.
base::Result<Setup> check_setup(const std::string& prefix, const std::string& config_path);
// check_setup(), then makes logs/ and data/, writes missing admin keys and conf/apisix.uid, and creates the
// log files for the workers' user.
base::Result<std::unique_ptr<Setup>> make_setup(const std::string& prefix, const std::string& config_path);

// How large the shared memory is to be. It is made once: a reload does not change it.
memory::ZonePlan zone_plan(const Setup& setup);
// Creates the log files that do not exist and hands them to the workers' user: after a rotation as well.
base::Status create_log_files(const Setup& setup);
// Lines of this process go to nginx_config.error_log from now on.
base::Status open_error_log_of(const Setup& setup);
// A path of config.yaml: relative ones are below the prefix.
std::string below_prefix(const std::string& prefix, const std::string& path);

}  // namespace apisix::master
