// IoWatch: one descriptor's readiness, level-triggered and persistent. Registered with read interest once;
// write interest is added only while output is buffered, so that a request costs no epoll_ctl.
#pragma once

#include <cstdint>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "shared/event/loop.h"

namespace apisix::event {

class IoWatch {
 public:
  // `readable` and `writable` tell what became true; both may.
  using Callback = void (*)(void* context, bool readable, bool writable);

  IoWatch(Loop& loop, Callback callback, void* context);
  ~IoWatch() { stop(); }
  IoWatch(const IoWatch&) = delete;
  IoWatch& operator=(const IoWatch&) = delete;

  // Watches `fd` for reading (and writing). Must be stopped before the descriptor is closed.
  void start(int fd, bool read = true, bool write = false);
  void stop();
  void want_read(bool on);
  void want_write(bool on);
  // Calls back as readable in the next turn, whatever the descriptor says: bytes that were read from it
  // already wait in a layer above (TLS). Without effect while nothing is to be read; stopping to read takes
  // it back.
  void report_readable();
  bool wants_read() const { return (interest_ & EV_READ) != 0; }
  bool wants_write() const { return (interest_ & EV_WRITE) != 0; }

 private:
  static void on_event(int fd, short what, void* self);
  void apply(short interest);
  void add();

  ::event event_;
  Loop& loop_;
  Callback callback_;
  void* context_;
  int fd_ = -1;
  short interest_ = 0;
  bool is_reported_ = false;  // by report_readable(), and not called back yet
};

}  // namespace apisix::event
