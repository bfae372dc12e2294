#include "worker/proxy/access_log.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "shared/base/log.h"

namespace apisix::proxy {
AccessLog::AccessLog(event::Loop& loop, std::string path, LogFormat format, std::size_t buffer_bytes,
                     net::Socket file)
    : path_(std::move(path)),
      format_(std::move(format)),
      buffer_bytes_(std::max<std::size_t>(buffer_bytes, 1)),
      file_(std::move(file)),
      timer_(loop.timers(), [](void* self) { static_cast<AccessLog*>(self)->flush(); }, this) {
  buffer_.reserve(buffer_bytes_ + 4096);
}

base::Result<std::unique_ptr<AccessLog>> AccessLog::open(event::Loop& loop, std::string path,
                                                         LogFormat format, std::size_t buffer_bytes) {
  auto file = base::open_log_file(path);
  if (!file) return std::unexpected(file.error());
  return std::unique_ptr<AccessLog>(
      new AccessLog(loop, std::move(path), std::move(format), buffer_bytes, net::Socket(*file)));
}

void AccessLog::write(plugin::RequestState& request) {
  if (buffer_.empty()) timer_.set_after_ms(kFlushMs);
  format_.append(buffer_, request);
  if (buffer_.size() >= buffer_bytes_) flush();
}

void AccessLog::flush() {
  timer_.cancel();
  if (buffer_.empty()) return;
  const ssize_t written = ::write(file_.fd(), buffer_.data(), buffer_.size());
  const std::size_t done = written > 0 ? static_cast<std::size_t>(written) : 0;
  if (done < buffer_.size()) {
    if (lost_bytes_ == 0) base::log_error("cannot write access log \"{}\", lines are lost", path_);
    lost_bytes_ += buffer_.size() - done;
  } else {
    lost_bytes_ = 0;
  }
  buffer_.clear();
}

base::Status AccessLog::reopen() {
  flush();
  auto file = base::open_log_file(path_);
  if (!file) return std::unexpected(file.error());
  file_ = net::Socket(*file);
  return {};
}

}  // namespace apisix::proxy
