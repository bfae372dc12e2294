// AccessLog: one line for each request, formatted into a buffer, which is flushed when it is full or kFlushMs
// old. Each worker appends to the same file (O_APPEND): whole lines, never torn. What a full disk refuses is
// lost and counted; traffic goes on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/net/socket.h"
#include "worker/proxy/log_format.h"

namespace apisix::proxy {

class AccessLog {
 public:
  static constexpr std::uint64_t kFlushMs = 3000;

  static base::Result<std::unique_ptr<AccessLog>> open(event::Loop& loop, std::string path, LogFormat format,
                                                       std::size_t buffer_bytes);
  ~AccessLog() { flush(); }

  void write(plugin::RequestState& request);
  void flush();
  // After a rotation (USR1): flushes into the old file, then opens the path anew.
  base::Status reopen();
  std::uint64_t lost_bytes() const { return lost_bytes_; }

 private:
  AccessLog(event::Loop& loop, std::string path, LogFormat format, std::size_t buffer_bytes,
            net::Socket file);

  std::string path_;
  LogFormat format_;
  std::size_t buffer_bytes_;
  net::Socket file_;
  event::Timer timer_;
  std::string buffer_;
  std::uint64_t lost_bytes_ = 0;
};

}  // namespace apisix::proxy
