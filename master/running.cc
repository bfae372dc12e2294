#include "master/running.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "master/pid_file.h"
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
  std::ofstream file(index, std::ios::trunc);
  if (!(file << *path << std::flush)) return base::system_error("cannot write " + index, errno);
  std::printf("Use customized yaml: %s\n", in.config.c_str());
  return path;
}

base::Status signal_master(const std::string& prefix, int signal_number) {
  const PidFile::Holder holder = PidFile::holder(prefix);
  if (holder.kind != PidFile::Holder::Kind::kRunning) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                      "not running: nobody holds " + PidFile::path(prefix));
  }
  // Locked, but the pid is not written yet: it is about to start.
  if (holder.pid <= 0) {
    return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kClient,
                      "the master is just starting; try again", true);
  }
  if (::kill(holder.pid, signal_number) == 0) return {};
  return base::system_error("cannot signal process " + std::to_string(holder.pid), errno);
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
