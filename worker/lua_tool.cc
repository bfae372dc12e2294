#include "worker/lua_tool.h"

#include <algorithm>
#include <filesystem>

#include "shared/format/read.h"

namespace apisix::worker {
namespace {

using format::Json;

Json list_of(const std::vector<std::string>& texts) {
  Json out(::Json::arrayValue);
  for (const std::string& text : texts) out.append(text);
  return out;
}

Json argument_of(const LuaToolCall& call, bool has_config) {
  Json out(::Json::objectValue);
  out["paths"] = list_of(call.paths);
  out["as_json"] = call.as_json;
  out["has_config"] = has_config;
  out["configured_path"] = call.configured_path;
  out["configured_plugins"] = list_of(call.configured_plugins);
  if (!call.junit.empty()) out["junit"] = call.junit;
  if (!call.filter.empty()) out["filter"] = call.filter;
  return out;
}

// Each file has a State of its own: what one leaves in modules is not there for the next.
base::Result<Json> run_tests(LoneWorker& worker, Json argument) {
  constexpr const char* kModule = "gateway.tool.test";
  auto files = worker.call(kModule, "find_files", argument);
  if (!files) return files;
  Json& results = argument["results"] = Json(::Json::arrayValue);
  for (const Json& file : *files) {
    if (auto fresh = worker.reload_lua(); !fresh) return std::unexpected(fresh.error());
    argument["file"] = file;
    auto result = worker.call(kModule, "run_file", argument);
    if (!result) return result;
    results.append(std::move(*result));
  }
  return worker.call(kModule, "report", argument);
}

// The folder above apisix/plugins; empty: there is none.
std::filesystem::path root_of(const std::string& path) {
  std::error_code none;
  std::filesystem::path at = std::filesystem::weakly_canonical(path, none);
  for (; !at.empty() && at != at.root_path(); at = at.parent_path()) {
    if (std::filesystem::is_directory(at / "apisix/plugins", none)) return at;
  }
  return {};
}

void enable_plugins(settings::Settings& settings, const std::filesystem::path& folder) {
  std::error_code none;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() == ".lua") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  for (std::string& name : names) {
    if (std::ranges::find(settings.plugins, name) == settings.plugins.end())
      settings.plugins.push_back(std::move(name));
  }
}

}  // namespace

void add_lua_folders(settings::Settings& settings, const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> roots;
  for (const std::string& path : paths) {
    const auto root = root_of(path);
    if (!root.empty() && std::ranges::find(roots, root) == roots.end()) roots.push_back(root);
  }
  for (const auto& root : roots) {
    std::string& path = settings.apisix.extra_lua_path;
    if (!path.empty() && !path.ends_with(';')) path += ';';
    path += root.string() + "/?.lua;" + root.string() + "/?/init.lua";
    enable_plugins(settings, root / "apisix/plugins");
  }
}

base::Result<bool> run_lua_tool(LoneWorkerOptions options, const LuaToolCall& call) {
  Json argument = argument_of(call, !options.config_path.empty());
  auto worker = LoneWorker::make(std::move(options));
  if (!worker) return std::unexpected(worker.error());
  const auto result = [&]() -> base::Result<Json> {
    switch (call.tool) {
      case LuaTool::kCheck:
        return (*worker)->call("gateway.tool.check", "run", argument);
      case LuaTool::kTest:
        return run_tests(**worker, argument);
      case LuaTool::kTypes:
        return (*worker)->call("gateway.tool.types", "run", argument);
      case LuaTool::kRepl:
        return (*worker)->call("gateway.tool.repl", "run", argument);
    }
    return Json();
  }();
  if (!result) return std::unexpected(result.error());
  return format::is_true(*result);
}

}  // namespace apisix::worker
