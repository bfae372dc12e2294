// apisix lua check | test | types | repl: tools for who writes plugins. They run in this process, beside
// whatever gateway runs.
#include <array>
#include <filesystem>

#include "master/command.h"
#include "master/commands/ask.h"
#include "master/running.h"
#include "worker/lua_tool.h"

namespace apisix::master {
namespace {

struct Tool {
  std::string_view name;
  worker::LuaTool tool;
};
constexpr auto kTools = std::to_array<Tool>({{"check", worker::LuaTool::kCheck},
                                             {"test", worker::LuaTool::kTest},
                                             {"types", worker::LuaTool::kTypes},
                                             {"repl", worker::LuaTool::kRepl}});

// Without a config.yaml everything is as by default.
base::Result<Setup> setup_of(const Invocation& in) {
  const auto path = current_config(in);
  std::error_code none;
  if (path && (!in.config.empty() || std::filesystem::exists(*path, none)))
    return check_setup(in.prefix, *path);
  auto loaded = settings::load_settings_text("{}", {.config_path = {}, .prefix = in.prefix});
  if (!loaded) return std::unexpected(loaded.error());
  Setup out;
  out.prefix = in.prefix;
  out.settings = std::move(loaded->settings);
  return out;
}

}  // namespace

int run_lua(const Invocation& in) {
  const std::string name = in.arguments.empty() ? "" : in.arguments.front();
  const auto found = std::ranges::find(kTools, name, &Tool::name);
  if (found == kTools.end())
    return wrong_usage({.what = "expected check, test, types or repl; see `apisix lua --help`"});
  worker::LuaToolCall call{.tool = found->tool,
                           .paths = {in.arguments.begin() + 1, in.arguments.end()},
                           .as_json = in.as_json,
                           .junit = in.junit,
                           .filter = in.filter};
  if (call.tool == worker::LuaTool::kTypes && call.paths.size() != 1)
    return wrong_usage({.what = "expected the folder to write to; see `apisix lua --help`"});
  if (call.paths.empty()) call.paths = {"."};
  auto setup = setup_of(in);
  if (!setup) return failed(setup.error());
  call.configured_path = setup->settings.apisix.extra_lua_path;
  call.configured_plugins = setup->settings.plugins;
  if (call.tool != worker::LuaTool::kTypes) worker::add_lua_folders(setup->settings, call.paths);
  const auto done = worker::run_lua_tool({.settings = setup->settings,
                                          .zones = zone_plan(*setup),
                                          .config_path = setup->config_path,
                                          .prefix = setup->prefix},
                                         call);
  if (!done) return failed(done.error());
  return *done ? kExitDone : kExitFailed;
}

}  // namespace apisix::master
