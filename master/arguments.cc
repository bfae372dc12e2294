#include "master/arguments.h"

#include <filesystem>

#include <CLI/CLI.hpp>

namespace apisix::master {
namespace {

constexpr const char* kInstalledPrefix = "/usr/local/apisix";

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

}  // namespace

std::string default_prefix() {
  std::error_code ignored;
  return std::filesystem::exists("conf/config.yaml", ignored) ? "." : kInstalledPrefix;
}

Arguments parse_arguments(int argc, const char* const* argv) {
  Arguments out;
  Invocation& in = out.invocation;
  CLI::App app;
  app.set_help_flag();
  bool help = false;
  app.add_option("action", out.action);
  app.add_option("arguments", in.arguments);
  app.add_option("-c,--config", in.config);
  app.add_option("-p,--prefix", in.prefix);
  app.add_flag("--foreground", in.in_foreground);
  app.add_flag("-v,--verbose", in.verbose);
  app.add_flag("--json", in.as_json);
  app.add_flag("-h,--help", help);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "apisix: %s; see `apisix help`\n", error.what());
    out.exit_code = kExitUsage;
    return out;
  }
  if (help) out.action = "help";
  in.prefix = absolute(in.prefix.empty() ? default_prefix() : in.prefix);
  in.command_line = joined(argc, argv);
  return out;
}

}  // namespace apisix::master
