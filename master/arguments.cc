#include "master/arguments.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "shared/base/text.h"

namespace apisix::master {
namespace {

constexpr const char* kInstalledPrefix = "/usr/local/apisix";  // APISIX's
constexpr const char* kPackagePrefix = "/var/lib/apisix";      // the Debian package's

std::string joined(int argc, const char* const* argv) {
  std::string out;
  for (int i = 0; i < argc; ++i) out += (i > 0 ? " " : "") + std::string(argv[i]);
  return out;
}

std::string absolute(const std::string& path) {
  std::error_code ignored;
  std::string out = std::filesystem::weakly_canonical(path, ignored).string();
  if (out.empty()) out = path;
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

// Not the file that runs, but what was called: an upgrade puts another file under that name.
std::string program_path(const std::string& called) {
  if (called.find('/') != std::string::npos)
    return std::filesystem::absolute(called).lexically_normal().string();
  const char* const folders = std::getenv("PATH");
  for (const std::string_view folder : base::split(folders == nullptr ? "" : folders, ':')) {
    const std::string candidate = std::string(folder) + "/" + called;
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

}  // namespace

std::string default_prefix() {
  std::error_code ignored;
  for (const char* prefix : {".", kInstalledPrefix, kPackagePrefix}) {
    if (std::filesystem::exists(std::string(prefix) + "/conf/config.yaml", ignored)) return prefix;
  }
  return kInstalledPrefix;
}

Arguments parse_arguments(int argc, const char* const* argv) {
  Arguments out;
  Invocation& in = out.invocation;
  CLI::App app;
  app.set_help_flag();
  bool help = false;
  std::uint64_t timeout_s = in.timeout_ms / 1000;
  double interval_s = 0;
  app.add_option("action", out.action);
  app.add_option("arguments", in.arguments);
  app.add_option("-c,--config", in.config);
  app.add_option("-p,--prefix", in.prefix);
  app.add_flag("--foreground", in.in_foreground);
  app.add_flag("-v,--verbose", in.verbose);
  app.add_flag("--json", in.as_json);
  CLI::Option* const timeout = app.add_option("--timeout", timeout_s)->check(CLI::Range(1, 86400));
  CLI::Option* const interval = app.add_option("-d,--interval", interval_s)->check(CLI::Range(0.05, 3600.0));
  app.add_option("-n,--count", in.count)->check(CLI::Range(1, 1'000'000));
  app.add_option("--sort", in.sort);
  app.add_option("--kind", in.kind);
  app.add_option("--id", in.id);
  app.add_option("--limit", in.limit)->check(CLI::Range(1, 1000));
  app.add_flag("--dry-run", in.is_dry_run);
  app.add_flag("--yes", in.is_agreed);
  app.add_option("-H,--header", in.asked.headers)->allow_extra_args(false);
  app.add_option("--body", in.asked.body);
  app.add_option("--client-ip", in.asked.client_ip);
  app.add_option("--consumer", in.asked.consumer);
  app.add_option("--junit", in.junit);
  app.add_option("--filter", in.filter);
  app.add_flag("-h,--help", help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "apisix: %s; see `apisix help`\n", error.what());
    out.exit_code = kExitUsage;
    return out;
  }
  if (help) in.arguments = {std::exchange(out.action, "help")};
  if (interval->count() > 0) in.interval_s = interval_s;
  in.action = out.action;
  in.prefix = absolute(in.prefix.empty() ? default_prefix() : in.prefix);
  in.timeout_ms = timeout_s * 1000;
  in.has_timeout = timeout->count() > 0;
  in.program = program_path(argv[0]);
  in.command_line = joined(argc, argv);
  return out;
}

}  // namespace apisix::master
