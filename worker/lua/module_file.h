// Where require() would find a module, without a Lua state: whether there is any need of one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace apisix::lua {

// Of `path` ("/a/?.lua;/b/?.lua") and Lua's own; the files that are looked for, in order.
std::vector<std::string> candidate_files(std::string_view path, std::string_view module);
// The first that can be read; "": none.
std::string find_module_file(std::string_view path, std::string_view module);

// Of a plugin of that name.
std::string find_plugin_file(std::string_view path, std::string_view plugin);

}  // namespace apisix::lua
