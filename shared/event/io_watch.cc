#include "shared/event/io_watch.h"

#include <event2/event.h>

#include "shared/base/check.h"

namespace apisix::event {

IoWatch::IoWatch(Loop& loop, Callback callback, void* context)
    : loop_(loop), callback_(callback), context_(context) {
  event_.ev_fd = -1;
}

void IoWatch::start(int fd, bool read, bool write) {
  CHECK(event_.ev_fd < 0);
  event_.ev_fd = fd;
  apply(static_cast<short>((read ? EV_READ : 0) | (write ? EV_WRITE : 0)));
}

void IoWatch::stop() {
  if (event_.ev_fd < 0) return;
  batch().forget(*this);
  apply(0);
  event_.ev_fd = -1;
}

void IoWatch::want_read(bool on) {
  apply(static_cast<short>(on ? interest_ | EV_READ : interest_ & ~EV_READ));
  if (has_held_) [[unlikely]]
    report_readable();
}

void IoWatch::want_write(bool on) {
  apply(static_cast<short>(on ? interest_ | EV_WRITE : interest_ & ~EV_WRITE));
}

void IoWatch::report_readable() {
  if (wants_read()) loop_.batch().queue_readable(*this);
}

void IoWatch::apply(short interest) {
  if (interest == interest_) return;
  if (interest_ != 0) event_del(&event_);
  interest_ = static_cast<std::uint8_t>(interest) & 7;
  if (!wants_read() && is_queued()) batch().suspend(*this);
  if (interest == 0) return;
  CHECK(event_assign(&event_, loop_.handle(), fd(), static_cast<short>(interest | EV_PERSIST), on_event,
                     this) == 0);
  CHECK(event_add(&event_, nullptr) == 0);
}

void IoWatch::on_event(int, short what, void* self) {
  auto* watch = static_cast<IoWatch*>(self);
  watch->loop_.note_activity();
  if (what == EV_READ && (watch->is_for_batch() || watch->keeps_order_))
    return watch->batch().queue_readable(*watch);
  bool readable = (what & EV_READ) != 0;
  if (watch->is_queued()) [[unlikely]] {  // both are one callback
    if (!watch->has_held_) watch->batch().unqueue(*watch);
    readable = true;
  }
  watch->callback_(watch->context_, readable, (what & EV_WRITE) != 0);
}

}  // namespace apisix::event
