#include "master/setup.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/admin_certificate.h"
#include "master/listeners.h"
#include "shared/base/clock.h"
#include "shared/base/open_file.h"
#include "shared/net/tls_ciphers.h"
#include "shared/settings/admin_key.h"
#include "shared/settings/cores.h"
#include "shared/settings/instance_id.h"
#include "worker/log_format_check.h"

namespace apisix::master {
namespace {

constexpr rlim_t kFewOpenFiles = 1024;
constexpr const char* kDefaultUser = "nobody";  // nginx's

base::Status check_writable(const std::string& path) {
  if (::access(path.c_str(), W_OK | X_OK) == 0) return {};
  return base::system_error("cannot write into the folder " + path, errno);
}

// Only what is root's own is given away: in a folder of another user, that user could have
// put a link to a file of a third one.
void give_away(const std::string& path, const Identity& identity) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != 0) return;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, ignored)) {
    [[maybe_unused]] const int done = ::lchown(entry.path().c_str(), identity.uid, identity.gid);
  }
  [[maybe_unused]] const int done = ::chown(path.c_str(), identity.uid, identity.gid);
}

base::Result<std::optional<Identity>> wanted_identity(const settings::Settings& settings) {
  const std::string& user = settings.nginx_config.user;
  if (::geteuid() != 0) return std::nullopt;
  auto identity = find_identity(user.empty() ? kDefaultUser : user);
  if (!identity) return std::unexpected(identity.error());
  if (identity->uid == 0) return std::nullopt;
  return *identity;
}

bool is_own_name(const std::string& user) {
  const auto identity = find_identity(user);
  return identity && identity->uid == ::geteuid();
}

// An explicit user must work. The default one may be impossible in a folder that is root's alone.
base::Status check_identity(Setup& setup) {
  const std::string data = setup.prefix + "/data";
  if (!setup.identity) {
    const std::string& user = setup.settings.nginx_config.user;
    if (!user.empty() && ::geteuid() != 0 && !is_own_name(user)) {
      setup.notes.push_back("nginx_config.user is ignored: only root can change to another user");
    }
    return {};
  }
  // Nothing is given away to a user that cannot get there anyway.
  if (can_access(*setup.identity, setup.prefix, X_OK)) {
    give_away(data, *setup.identity);
    if (can_access(*setup.identity, data, R_OK | W_OK | X_OK)) return {};
  }
  const std::string cannot = fmt::format("user \"{}\" cannot write into {}", setup.identity->name, data);
  if (!setup.settings.nginx_config.user.empty()) return base::invalid("nginx_config.user: " + cannot);
  setup.warnings.push_back(fmt::format(
      "workers run as root, because {}; use a prefix that it can enter, or set nginx_config.user", cannot));
  setup.identity.reset();
  return {};
}

std::vector<std::string> log_paths(const settings::NginxConfig& config) {
  std::vector<std::string> out = {config.error_log};
  if (config.http.enable_access_log) out.push_back(config.http.access_log);
  if (config.stream.enable_access_log) out.push_back(config.stream.access_log);
  return out;
}

bool is_plain_path(const std::string& path) {
  return !path.empty() && path != "stderr" && path != "off" && !path.starts_with("syslog:");
}

void note_open_files(Setup& setup) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max > kFewOpenFiles || ::geteuid() == 0) return;
  setup.warnings.push_back(fmt::format(
      "Warning! Current maximum number of open file descriptors [{}] is not greater than {}, please increase "
      "user limits by execute 'ulimit -n <new user limits>' , otherwise the performance is low.",
      limit.rlim_max, kFewOpenFiles));
}

// Of custom_lua_shared_dict all; APISIX's own, which its plugins use, where the user has Lua files that may.
std::set<std::string> script_dicts(const settings::Settings& settings) {
  const bool has_files = !settings.apisix.extra_lua_path.empty() || !settings.apisix.lua_module_hook.empty();
  const auto own = settings::NginxConfig::Http::default_zones();
  std::set<std::string> names;
  for (const auto& [name, bytes] : settings.nginx_config.http.lua_shared_dict_bytes) {
    if (has_files || !own.contains(name)) names.insert(name);
  }
  return names;
}

// OpenSSL passes over names that it does not know, as long as one is left.
base::Status check_ciphers(Setup& setup) {
  const settings::Settings& settings = setup.settings;
  const std::string& ciphers = settings.apisix.ssl.ssl_ciphers;
  const bool is_used = settings.apisix.ssl.enable || settings.deployment.admin.listen.tls;
  if (!is_used || ciphers.empty()) return {};
  auto unknown = net::unknown_tls_ciphers(ciphers);
  if (!unknown) return base::invalid("apisix.ssl.ssl_ciphers: " + unknown.error().what);
  for (const std::string& name : *unknown) {
    setup.warnings.push_back(fmt::format(
        "apisix.ssl.ssl_ciphers: OpenSSL knows no cipher {} for TLS 1.2 and below, it is passed over", name));
  }
  return {};
}

}  // namespace

std::string below_prefix(const std::string& prefix, const std::string& path) {
  return path.starts_with('/') ? path : prefix + "/" + path;
}

base::Status open_error_log_of(const Setup& setup) {
  const auto& config = setup.settings.nginx_config;
  const std::string path =
      is_plain_path(config.error_log) ? below_prefix(setup.prefix, config.error_log) : std::string();
  return base::open_error_log(path, config.error_log_level);
}

base::Result<Setup> check_setup(const std::string& prefix, const std::string& config_path) {
  auto loaded = settings::load_settings({.config_path = config_path,
                                         .prefix = prefix,
                                         .find_unknown_variable = worker::find_unknown_log_variable});
  if (!loaded) return std::unexpected(loaded.error());
  auto identity = wanted_identity(loaded->settings);
  if (!identity) return std::unexpected(identity.error());
  Setup out;
  out.made_at_ms = base::Clock().wall_ms();
  out.prefix = prefix;
  out.config_path = config_path;
  out.settings = std::move(loaded->settings);
  out.workers = settings::worker_count(out.settings);
  out.identity = *identity;
  out.notes = std::move(loaded->notes);
  out.warnings = std::move(loaded->warnings);
  if (auto unserved = unserved_quic(out.settings)) out.log_lines.push_back(std::move(*unserved));
  note_open_files(out);
  if (auto checked = check_ciphers(out); !checked) return std::unexpected(checked.error());
  auto certificate = read_admin_certificate(out.settings.deployment.admin, config_path);
  if (!certificate) return std::unexpected(certificate.error());
  out.admin_certificate = std::move(*certificate);
  return out;
}

memory::ZonePlan zone_plan(const Setup& setup) {
  const auto& nginx = setup.settings.nginx_config;
  memory::ZonePlan plan;
  plan.workers = static_cast<std::size_t>(setup.workers);
  // A name that is in several sections is one zone for all of them; the first section counts.
  for (const auto* section : {&nginx.meta_lua_shared_dict_bytes, &nginx.http.lua_shared_dict_bytes,
                              &nginx.stream.lua_shared_dict_bytes}) {
    plan.bytes.insert(section->begin(), section->end());
  }
  plan.scripts = script_dicts(setup.settings);
  return plan;
}

base::Status create_log_files(const Setup& setup) {
  for (const std::string& path : log_paths(setup.settings.nginx_config)) {
    if (!is_plain_path(path)) continue;
    const std::string file = below_prefix(setup.prefix, path);
    struct stat info{};
    if (::stat(file.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) continue;  // a terminal, a pipe
    // A standard stream that leads to a file is written as it was given to us: we may have no right to open
    // it.
    const auto place = base::find_place(file);
    if (place && place->is_magic) continue;
    auto opened = base::open_file(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0644);
    if (!opened) return std::unexpected(opened.error());
    // What was there before and is named by a link is used, but never given away.
    const bool is_ours = opened->is_new || !opened->by_link;
    if (setup.identity && is_ours && ::fstat(opened->fd.get(), &info) == 0 && S_ISREG(info.st_mode)) {
      [[maybe_unused]] const int done = ::fchown(opened->fd.get(), setup.identity->uid, setup.identity->gid);
    }
  }
  return {};
}

base::Result<std::unique_ptr<Setup>> make_setup(const std::string& prefix, const std::string& config_path) {
  auto checked = check_setup(prefix, config_path);
  if (!checked) return std::unexpected(checked.error());
  auto setup = std::make_unique<Setup>(std::move(*checked));
  const std::string logs = prefix + "/logs";
  const std::string data = prefix + "/data";
  if (auto made = base::make_folder(logs, 0755); !made) return std::unexpected(made.error());
  if (auto made = base::make_folder(data, 0700); !made) return std::unexpected(made.error());
  if (auto writable = check_writable(logs); !writable) return std::unexpected(writable.error());
  auto keys = settings::fill_empty_admin_keys(setup->settings, config_path);
  if (!keys) return std::unexpected(keys.error());
  if (*keys > 0) {
    setup->notes.push_back(
        fmt::format("a random Admin API key was generated and written to {}", config_path));
  }
  auto id = settings::instance_id(setup->settings, prefix);
  if (!id) return std::unexpected(id.error());
  setup->instance_id = std::move(id->text);
  if (!id->remark.empty()) setup->log_lines.push_back(std::move(id->remark));
  if (auto checked = check_identity(*setup); !checked) return std::unexpected(checked.error());
  if (!setup->identity) {
    if (auto writable = check_writable(data); !writable) return std::unexpected(writable.error());
  }
  if (auto created = create_log_files(*setup); !created) return std::unexpected(created.error());
  return setup;
}

}  // namespace apisix::master
