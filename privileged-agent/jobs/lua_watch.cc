#include "privileged-agent/jobs/lua_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/text.h"

namespace apisix::agent {
namespace {

// A folder that leads to itself ends the walk.
constexpr int kDepthMax = 16;
constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR;

bool is_lua(std::string_view name) {
  return name.ends_with(".lua") || name.ends_with(".so");
}

}  // namespace

std::vector<std::string> folders_of_path(std::string_view lua_path) {
  std::vector<std::string> out;
  for (const std::string_view part : base::split(lua_path, ';')) {
    const auto name = part.find('?');
    if (name == std::string_view::npos) continue;
    const auto slash = part.substr(0, name).rfind('/');
    std::string folder = slash == std::string_view::npos ? "." : std::string(part.substr(0, slash));
    if (folder.empty()) folder = "/";
    if (std::ranges::find(out, folder) == out.end()) out.push_back(std::move(folder));
  }
  return out;
}

LuaWatch::LuaWatch(event::Loop& loop, std::vector<std::string> folders,
                   std::function<void(const std::string& file)> on_changed)
    : folders_(std::move(folders)),
      on_changed_(std::move(on_changed)),
      watch_(
          loop, [](void* self, bool, bool) { static_cast<LuaWatch*>(self)->on_readable(); }, this),
      quiet_(
          loop.timers(),
          [](void* self) {
            auto& own = *static_cast<LuaWatch*>(self);
            own.add_all();  // folders that came meanwhile
            own.on_changed_(std::exchange(own.changed_, {}));
          },
          this) {}

LuaWatch::~LuaWatch() {
  watch_.stop();
}

base::Status LuaWatch::start() {
  fd_ = base::UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd_.get() < 0) return base::system_error("inotify_init1() failed", errno);
  add_all();
  watch_.start(fd_.get());
  return {};
}

void LuaWatch::add_all() {
  for (const std::string& folder : folders_) add(folder, 0);
}

// A folder that is watched already keeps its number.
void LuaWatch::add(const std::string& folder, int depth) {
  if (watched_.size() >= kFoldersMax || depth > kDepthMax) return;
  const int number = ::inotify_add_watch(fd_.get(), folder.c_str(), kEvents);
  if (number < 0) {
    base::log_warn("lua.watch: {}", base::system_error(folder, errno).error().what);
    return;
  }
  watched_[number] = folder;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const bool is_hidden = entry.path().filename().string().starts_with('.');
    if (entry.is_directory(none) && !is_hidden) add(entry.path().string(), depth + 1);
  }
}

void LuaWatch::on_readable() {
  constexpr std::size_t kBufferBytes = 16 * 1024;
  alignas(inotify_event) std::array<char, kBufferBytes> buffer;
  for (;;) {
    const ssize_t bytes = ::read(fd_.get(), buffer.data(), buffer.size());
    if (bytes <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(bytes);) {
      const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += sizeof event + event.len;
      const std::string_view name = event.len > 0 ? std::string_view(event.name) : std::string_view();
      const bool is_folder = (event.mask & IN_ISDIR) != 0;
      // A file that was only created is written next.
      const bool is_change = is_lua(name) && (event.mask & IN_CREATE) == 0;
      if ((event.mask & IN_IGNORED) != 0) watched_.erase(event.wd);
      if (!is_folder && !is_change && (event.mask & IN_Q_OVERFLOW) == 0) continue;
      const auto folder = watched_.find(event.wd);
      changed_ = (folder != watched_.end() ? folder->second + "/" : "") + std::string(name);
      quiet_.set_after_ms(kQuietMs);
    }
  }
}

}  // namespace apisix::agent
