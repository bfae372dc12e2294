#include "master/privileges.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/text.h"
#include "shared/format/json.h"

namespace apisix::master {
namespace {

constexpr std::uint16_t kFirstOrdinaryPort = 1024;

}  // namespace

base::Result<Identity> find_identity(const std::string& user) {
  const std::string_view text = base::trim(user);
  const std::string name(text.substr(0, text.find_first_of(" \t")));
  const std::string group(base::trim(text.substr(name.size())));
  const passwd* found = ::getpwnam(name.c_str());
  if (found == nullptr) return base::invalid(fmt::format("nginx_config.user: there is no user \"{}\"", name));
  Identity out{name, found->pw_uid, found->pw_gid};
  if (group.empty()) return out;
  const ::group* entry = ::getgrnam(group.c_str());
  if (entry == nullptr)
    return base::invalid(fmt::format("nginx_config.user: there is no group \"{}\"", group));
  out.gid = entry->gr_gid;
  return out;
}

base::Status become(const Identity& identity) {
  if (::initgroups(identity.name.c_str(), identity.gid) != 0)
    return base::system_error("initgroups()", errno);
  if (::setgid(identity.gid) != 0) return base::system_error("setgid()", errno);
  if (::setuid(identity.uid) != 0) return base::system_error("setuid()", errno);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 1);  // else a crash leaves no core file
  return {};
}

bool can_access(const Identity& identity, const std::string& path, int mode) {
  const pid_t pid = ::fork();
  if (pid < 0) return false;
  if (pid == 0) {
    ::_exit(become(identity) && ::access(path.c_str(), mode) == 0 ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::vector<int> agent_capabilities(const settings::Settings& settings) {
  std::vector<int> out = {CAP_DAC_OVERRIDE, CAP_CHOWN};
  const auto& metrics = settings.prometheus.listen;
  if (metrics && metrics->port < kFirstOrdinaryPort) out.push_back(CAP_NET_BIND_SERVICE);
  if (!format::find_member(settings.ext_plugin, "cmd").isNull()) out.push_back(CAP_KILL);
  return out;
}

base::Status keep_capabilities(const std::vector<int>& kept) {
  for (cap_value_t capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (std::ranges::find(kept, capability) == kept.end())
      ::cap_drop_bound(capability);  // fails when it is not there at all
  }
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> now(::cap_get_proc(), ::cap_free);
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> wanted(::cap_init(), ::cap_free);
  for (const cap_value_t capability : kept) {
    // A container may have taken some of them from us already.
    cap_flag_value_t had = CAP_CLEAR;
    ::cap_get_flag(now.get(), capability, CAP_PERMITTED, &had);
    if (had != CAP_SET) continue;
    ::cap_set_flag(wanted.get(), CAP_PERMITTED, 1, &capability, CAP_SET);
    ::cap_set_flag(wanted.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
  }
  ::cap_reset_ambient();
  if (::cap_set_proc(wanted.get()) != 0) return base::system_error("cannot drop capabilities", errno);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return {};
}

std::optional<std::string> raise_open_files(std::int64_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto target = static_cast<rlim_t>(wanted);
  if (limit.rlim_cur >= target) return std::nullopt;
  const rlimit raised{target, limit.rlim_max < target ? target : limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return std::nullopt;
  const rlimit as_far_as_allowed{limit.rlim_max, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &as_far_as_allowed);
  return fmt::format("open files are limited to {} although nginx_config.worker_rlimit_nofile is {}",
                     limit.rlim_max, wanted);
}

}  // namespace apisix::master
