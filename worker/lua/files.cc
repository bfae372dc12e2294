// The module gateway.files: what the operating system tells of files and folders, for the stand-ins of lfs
// and pl.path. Calls block, like io.open(). What fails is nil, the system's text, its number.
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

// Entries of one folder, so that no script fills the memory by accident.
constexpr int kEntriesMax = 1'000'000;

int push_system_error(lua_State* lua, int number) {
  lua_pushnil(lua);
  push(lua, std::generic_category().message(number));
  lua_pushinteger(lua, number);
  return 3;
}

int push_outcome(lua_State* lua, int result) {
  if (result != 0) return push_system_error(lua, errno);
  lua_pushboolean(lua, 1);
  return 1;
}

const char* kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "link";
  if (S_ISSOCK(mode)) return "socket";
  if (S_ISFIFO(mode)) return "named pipe";
  if (S_ISCHR(mode)) return "char device";
  if (S_ISBLK(mode)) return "block device";
  return "other";
}

std::string permissions_of(mode_t mode) {
  std::string text = "rwxrwxrwx";
  for (std::size_t bit = 0; bit < text.size(); ++bit) {
    if ((mode >> (text.size() - 1 - bit) & 1U) == 0) text[bit] = '-';
  }
  return text;
}

// stat(path, follow) -> {mode = "file", size = ..., ...}, the names of LuaFileSystem
int stat_file(lua_State* lua) {
  struct ::stat status{};
  const char* const path = luaL_checkstring(lua, 1);
  const bool follows = lua_toboolean(lua, 2) != 0;
  if ((follows ? ::stat(path, &status) : ::lstat(path, &status)) != 0) return push_system_error(lua, errno);
  lua_createtable(lua, 0, 14);
  push(lua, kind_of(status.st_mode));
  lua_setfield(lua, -2, "mode");
  push(lua, permissions_of(status.st_mode));
  lua_setfield(lua, -2, "permissions");
  set_number(lua, "dev", static_cast<double>(status.st_dev));
  set_number(lua, "ino", static_cast<double>(status.st_ino));
  set_number(lua, "nlink", static_cast<double>(status.st_nlink));
  set_number(lua, "uid", status.st_uid);
  set_number(lua, "gid", status.st_gid);
  set_number(lua, "rdev", static_cast<double>(status.st_rdev));
  set_number(lua, "access", static_cast<double>(status.st_atime));
  set_number(lua, "modification", static_cast<double>(status.st_mtime));
  set_number(lua, "change", static_cast<double>(status.st_ctime));
  set_number(lua, "size", static_cast<double>(status.st_size));
  set_number(lua, "blocks", static_cast<double>(status.st_blocks));
  set_number(lua, "blksize", static_cast<double>(status.st_blksize));
  return 1;
}

// list(path) -> names, without "." and ".."
int list_folder(lua_State* lua) {
  std::error_code error;
  std::filesystem::directory_iterator entry(luaL_checkstring(lua, 1), error);
  if (error) return push_system_error(lua, error.value());
  lua_newtable(lua);
  int count = 0;
  while (entry != std::filesystem::directory_iterator() && count < kEntriesMax) {
    push(lua, entry->path().filename().native());
    lua_rawseti(lua, -2, ++count);
    entry.increment(error);
    if (error) return push_system_error(lua, error.value());
  }
  return 1;
}

int make_folder(lua_State* lua) {
  constexpr mode_t kMode = 0775;
  return push_outcome(lua, ::mkdir(luaL_checkstring(lua, 1), kMode));
}

int remove_folder(lua_State* lua) {
  return push_outcome(lua, ::rmdir(luaL_checkstring(lua, 1)));
}

int change_folder(lua_State* lua) {
  return push_outcome(lua, ::chdir(luaL_checkstring(lua, 1)));
}

int current_folder(lua_State* lua) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::current_path(error);
  if (error) return push_system_error(lua, error.value());
  push(lua, path.native());
  return 1;
}

// touch(path [, accessed [, modified]]): seconds of the wall clock; without them it is now.
int touch(lua_State* lua) {
  const char* const path = luaL_checkstring(lua, 1);
  std::array<timespec, 2> times{};
  for (timespec& time : times) time.tv_nsec = UTIME_NOW;
  if (!lua_isnoneornil(lua, 2)) {
    const double accessed = luaL_checknumber(lua, 2);
    times[0] = {.tv_sec = static_cast<time_t>(accessed), .tv_nsec = 0};
    times[1] = {.tv_sec = static_cast<time_t>(luaL_optnumber(lua, 3, accessed)), .tv_nsec = 0};
  }
  return push_outcome(lua, ::utimensat(AT_FDCWD, path, times.data(), 0));
}

// link(old, new, is_symbolic)
int link_file(lua_State* lua) {
  const char* const from = luaL_checkstring(lua, 1);
  const char* const to = luaL_checkstring(lua, 2);
  return push_outcome(lua, lua_toboolean(lua, 3) != 0 ? ::symlink(from, to) : ::link(from, to));
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "stat", stat_file);
  set_function(lua, "list", list_folder);
  set_function(lua, "make_folder", make_folder);
  set_function(lua, "remove_folder", remove_folder);
  set_function(lua, "change_folder", change_folder);
  set_function(lua, "current_folder", current_folder);
  set_function(lua, "touch", touch);
  set_function(lua, "link", link_file);
  return 1;
}

}  // namespace

void open_files(lua_State* ngx) {
  preload(ngx, "gateway.files", load);
}

}  // namespace apisix::lua
