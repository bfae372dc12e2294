#include "shared/settings/config_path.h"

#include <climits>

#include <unistd.h>

#include "shared/base/file.h"

namespace apisix::settings {
namespace {

base::Result<std::string> absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char folder[PATH_MAX];
  if (::getcwd(folder, sizeof folder) == nullptr)
    return base::system_error("cannot tell the current directory", errno);
  return std::string(folder) + "/" + path;
}

}  // namespace

std::string profile_path(const std::string& prefix, std::string_view name, std::string_view extension,
                         const EnvironmentLookup& environment) {
  std::string path = prefix + "/conf/";
  path += name;
  if (const auto profile = environment("APISIX_PROFILE"); profile && !profile->empty())
    path += "-" + *profile;
  path += '.';
  path += extension;
  return path;
}

std::string last_good_path(const std::string& prefix, std::string_view extension) {
  return prefix + "/data/apisix.last_good." + std::string(extension);
}

std::string pushed_store_path(const std::string& prefix) {
  return prefix + "/data/pushed.mdb";
}

std::string customized_config_index(const std::string& prefix) {
  return prefix + "/conf/.customized_config_path";
}

base::Result<std::string> resolve_config_path(const std::string& prefix, const std::string& given,
                                              const EnvironmentLookup& environment) {
  if (!given.empty()) return absolute(given);
  auto stored = base::read_file(customized_config_index(prefix), PATH_MAX);
  if (!stored && stored.error().code != base::ErrorCode::kNotFound) return stored;
  if (stored) {
    const auto end = stored->find_last_not_of(" \t\r\n");
    stored->resize(end == std::string::npos ? 0 : end + 1);
    if (!stored->empty()) return absolute(*stored);
  }
  return absolute(profile_path(prefix, "config", "yaml", environment));
}

}  // namespace apisix::settings
