// LuaWatch: lua.watch, for who writes plugins: when a file below the folders of extra_lua_path has changed,
// and nothing more changes for kQuietMs (editors write in steps), Lua is to be loaded anew. Owned by the
// agent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "shared/event/timer_wheel.h"

namespace apisix::agent {

// "/a/?.lua;/b/?/init.lua" -> "/a", "/b": what is before the name of a module, each once.
std::vector<std::string> folders_of_path(std::string_view lua_path);

class LuaWatch {
 public:
  static constexpr std::uint64_t kQuietMs = 300;
  static constexpr std::size_t kFoldersMax = 2'000;  // with those below them; more are not watched

  // `on_changed` gets the file that changed last.
  LuaWatch(event::Loop& loop, std::vector<std::string> folders,
           std::function<void(const std::string& file)> on_changed);
  ~LuaWatch();
  LuaWatch(const LuaWatch&) = delete;
  LuaWatch& operator=(const LuaWatch&) = delete;

  // Fails where the kernel gives no inotify.
  base::Status start();

 private:
  void add_all();
  void add(const std::string& folder, int depth);
  void on_readable();

  const std::vector<std::string> folders_;
  const std::function<void(const std::string& file)> on_changed_;
  base::UniqueFd fd_;
  event::IoWatch watch_;
  event::Timer quiet_;
  std::map<int, std::string> watched_;  // by the kernel's number
  std::string changed_;
};

}  // namespace apisix::agent
