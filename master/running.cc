#include "master/running.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "master/masters.h"
#include "master/pid_file.h"
#include "shared/base/file.h"
#include "shared/settings/config_path.h"

namespace apisix::master {

void forget_customized_config(const std::string& prefix) {
  std::error_code ignored;
  std::filesystem::remove(settings::customized_config_index(prefix), ignored);
}

base::Result<std::string> current_config(const Invocation& in) {
  return settings::resolve_config_path(in.prefix, in.config);
}

base::Result<std::string> choose_config(const Invocation& in) {
  forget_customized_config(in.prefix);
  auto path = settings::resolve_config_path(in.prefix, in.config);
  if (!path || in.config.empty()) return path;
  std::error_code ignored;
  if (!std::filesystem::exists(*path, ignored)) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                      "customized config file not exists, path: " + *path);
  }
  const std::string index = settings::customized_config_index(in.prefix);
  if (auto written = base::replace_file(index, *path); !written) return std::unexpected(written.error());
  std::printf("Use customized yaml: %s\n", in.config.c_str());
  return path;
}

base::Result<std::vector<Process>> masters_to_signal(const std::string& prefix) {
  auto masters = masters_of(prefix);
  if (masters.empty()) return std::unexpected(why_no_master(prefix));
  const PidFile::Holder holder = PidFile::holder(prefix);
  if (holder.written > 0 && std::ranges::find(masters, holder.written, &Process::pid) == masters.end()) {
    std::fprintf(stderr,
                 "apisix: warning: %s names process %d, which is not the master of this prefix: %d is\n",
                 PidFile::path(prefix).c_str(), holder.written, masters.front().pid());
  }
  return masters;
}

int failed(const base::Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "apisix: %s\n", error.what.c_str());
  return kExitFailed;
}

void print_remarks(const Setup& setup) {
  for (const std::string& note : setup.notes) std::printf("note: %s\n", note.c_str());
  std::fflush(stdout);
  for (const std::string& warning : setup.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
}

}  // namespace apisix::master
