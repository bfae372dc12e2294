#include "shared/store/file_watch.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/text.h"

namespace apisix::store {
namespace {

constexpr int kLinksMax = 40;  // the kernel's
constexpr std::uint32_t kWritten = IN_CLOSE_WRITE | IN_MOVED_TO;
constexpr std::uint32_t kOfFolder = kWritten | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR;
constexpr std::uint32_t kOfFile = IN_CLOSE_WRITE | IN_ATTRIB;

std::deque<std::string> split_path(std::string_view path) {
  std::deque<std::string> out;
  for (const std::string_view part : base::split(path, '/')) {
    if (!part.empty() && part != ".") out.emplace_back(part);
  }
  return out;
}

std::string parent_of(const std::string& folder) {
  const auto slash = folder.rfind('/');
  return slash == 0 || slash == folder.npos ? "/" : folder.substr(0, slash);
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t bytes = ::readlink(path.c_str(), target.data(), target.size());
  return bytes > 0 ? std::string(target.data(), static_cast<std::size_t>(bytes)) : std::string();
}

}  // namespace

PathParts parts_of_path(const std::string& path) {
  PathParts out;
  std::deque<std::string> rest = split_path(path);
  std::string folder = "/";
  for (int links = 0; !rest.empty();) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      folder = parent_of(folder);
      continue;
    }
    const std::string here = folder == "/" ? "/" + name : folder + "/" + name;
    struct ::stat info{};
    const bool exists = ::lstat(here.c_str(), &info) == 0;
    const bool is_link = exists && S_ISLNK(info.st_mode);
    if (!exists || is_link || rest.empty()) out[folder].insert(name);
    if (!exists || (is_link && ++links > kLinksMax)) break;
    if (!is_link) {
      folder = here;
      continue;
    }
    const std::string target = read_link(here);
    if (target.starts_with('/')) folder = "/";
    std::deque<std::string> inner = split_path(target);
    rest.insert(rest.begin(), inner.begin(), inner.end());
  }
  return out;
}

FileWatch::FileWatch(event::Loop& loop, std::string path, std::function<void(News)> on_news)
    : path_(std::move(path)),
      on_news_(std::move(on_news)),
      watch_(
          loop, [](void* self, bool, bool) { static_cast<FileWatch*>(self)->on_readable(); }, this),
      timer_(
          loop.timers(), [](void* self) { static_cast<FileWatch*>(self)->on_timer(); }, this),
      inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (inotify_) {
    watch_.start(inotify_.get());
    renew();
  } else {
    base::log_warn(
        "{}: no inotify watch: {}; looking for changes every {} ms (raise fs.inotify.max_user_instances)",
        path_, std::strerror(errno), kPollMs);
  }
  timer_.set_after_ms(kPollMs);
}

void FileWatch::renew() {
  std::map<int, std::set<std::string, std::less<>>> renewed;
  for (auto& [folder, names] : parts_of_path(path_)) {
    const int descriptor = inotify_add_watch(inotify_.get(), folder.c_str(), kOfFolder);
    if (descriptor >= 0) renewed[descriptor].insert(names.begin(), names.end());
  }
  const int file = inotify_add_watch(inotify_.get(), path_.c_str(), kOfFile);
  if (file >= 0) renewed[file].insert("");
  for (const auto& [descriptor, names] : names_) {
    if (!renewed.contains(descriptor)) inotify_rm_watch(inotify_.get(), descriptor);
  }
  names_ = std::move(renewed);
}

bool FileWatch::note(const inotify_event& event, News& news) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
  const auto watched = names_.find(event.wd);
  const std::string_view name = event.len > 0 ? std::string_view(event.name) : std::string_view();
  if (watched == names_.end() || !watched->second.contains(name)) return false;
  if ((event.mask & kWritten) != 0) news = News::kSurely;
  return true;
}

void FileWatch::on_readable() {
  alignas(inotify_event) std::array<char, 16384> bytes;
  bool concerned = false;
  News news = News::kPerhaps;
  for (;;) {
    const ssize_t got = ::read(inotify_.get(), bytes.data(), bytes.size());
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(bytes.data() + at);
      concerned |= note(*event, news);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  if (!concerned) return;
  renew();
  on_news_(news);
}

void FileWatch::on_timer() {
  timer_.set_after_ms(kPollMs);
  if (inotify_) renew();
  on_news_(News::kPerhaps);
}

}  // namespace apisix::store
