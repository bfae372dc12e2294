#include "shared/event/io_watch.h"

#include <event2/event.h>

#include "shared/base/check.h"

namespace apisix::event {

IoWatch::IoWatch(Loop& loop, Callback callback, void* context)
    : loop_(loop), callback_(callback), context_(context) {}

void IoWatch::start(int fd, bool read, bool write) {
  CHECK(fd_ < 0);
  fd_ = fd;
  apply(static_cast<short>((read ? EV_READ : 0) | (write ? EV_WRITE : 0)));
}

void IoWatch::stop() {
  if (fd_ < 0) return;
  apply(0);
  fd_ = -1;
}

void IoWatch::want_read(bool on) {
  apply(static_cast<short>(on ? interest_ | EV_READ : interest_ & ~EV_READ));
}

void IoWatch::want_write(bool on) {
  apply(static_cast<short>(on ? interest_ | EV_WRITE : interest_ & ~EV_WRITE));
}

// A timer of the same event: no memory and no system call, and the other descriptors get their turn first.
void IoWatch::report_readable() {
  if (!wants_read() || is_reported_) return;
  is_reported_ = true;
  add();
}

void IoWatch::apply(short interest) {
  if (interest == interest_) return;
  if (interest_ != 0) event_del(&event_);
  interest_ = interest;
  if (!wants_read()) is_reported_ = false;
  if (interest == 0) return;
  CHECK(event_assign(&event_, loop_.handle(), fd_, static_cast<short>(interest | EV_PERSIST), on_event,
                     this) == 0);
  add();
}

void IoWatch::add() {
  const timeval now{};
  CHECK(event_add(&event_, is_reported_ ? &now : nullptr) == 0);
}

void IoWatch::on_event(int, short what, void* self) {
  auto* watch = static_cast<IoWatch*>(self);
  watch->loop_.note_activity();
  bool readable = (what & EV_READ) != 0;
  if (watch->is_reported_) [[unlikely]] {
    watch->is_reported_ = false;
    event_remove_timer(&watch->event_);
    readable = true;
  }
  watch->callback_(watch->context_, readable, (what & EV_WRITE) != 0);
}

}  // namespace apisix::event
