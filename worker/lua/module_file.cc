#include "worker/lua/module_file.h"

#include <algorithm>

#include <unistd.h>

#include "worker/lua/lua.h"

namespace apisix::lua {

std::vector<std::string> candidate_files(std::string_view path, std::string_view module) {
  std::string name(module);
  std::ranges::replace(name, '.', '/');
  std::string all(path);
  if (!all.empty() && !all.ends_with(';')) all += ';';
  all += LUA_PATH_DEFAULT;
  std::vector<std::string> files;
  std::string_view rest(all);
  while (!rest.empty()) {
    const std::string_view pattern = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), pattern.size() + 1));
    if (pattern.empty()) continue;
    std::string file;
    for (const char c : pattern) c == '?' ? file += name : file += c;
    files.push_back(std::move(file));
  }
  return files;
}

std::string find_module_file(std::string_view path, std::string_view module) {
  for (std::string& file : candidate_files(path, module)) {
    if (::access(file.c_str(), R_OK) == 0) return std::move(file);
  }
  return {};
}

std::string find_plugin_file(std::string_view path, std::string_view plugin) {
  return find_module_file(path, "apisix.plugins." + std::string(plugin));
}

}  // namespace apisix::lua
