#include "shared/event/ring.h"

#include <array>
#include <cerrno>
#include <utility>

#include <liburing.h>
#include <sys/socket.h>

#include "shared/base/check.h"

namespace apisix::event {
namespace {

// The first that the kernel knows: 6.1 posts completions only when they are asked for, by the one thread that
// submits; 5.19 without interrupting it; older ones have neither.
constexpr std::array<unsigned, 3> kSetups{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
                                          IORING_SETUP_COOP_TASKRUN, 0};

int queue_init(io_uring& ring) {
  int status = -EINVAL;
  for (const unsigned setup : kSetups) {
    io_uring_params params{};
    params.flags = setup;
    status = io_uring_queue_init_params(Ring::kCallsMax, &ring, &params);
    if (status != -EINVAL) break;
  }
  return status;
}

bool knows_calls(io_uring& ring) {
  io_uring_probe* const probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  const bool knows = io_uring_opcode_supported(probe, IORING_OP_RECV) != 0 &&
                     io_uring_opcode_supported(probe, IORING_OP_SEND) != 0;
  io_uring_free_probe(probe);
  return knows;
}

}  // namespace

Ring::Ring(std::unique_ptr<io_uring> ring) : ring_(std::move(ring)) {}

Ring::~Ring() {
  io_uring_queue_exit(ring_.get());
}

std::expected<std::unique_ptr<Ring>, int> Ring::open() {
  auto ring = std::make_unique<io_uring>();
  if (const int status = queue_init(*ring); status < 0) return std::unexpected(-status);
  std::unique_ptr<Ring> out(new Ring(std::move(ring)));
  if (!knows_calls(*out->ring_)) return std::unexpected(ENOSYS);
  // exec closes the descriptor; a child that only forks has no business with the memory either.
  if (const int status = io_uring_ring_dontfork(out->ring_.get()); status < 0)
    return std::unexpected(-status);
  // The descriptor is looked up once, not for each call; an older kernel cannot.
  io_uring_register_ring_fd(out->ring_.get());
  return out;
}

base::Status Ring::receive(std::span<Call> calls) {
  CHECK(calls.size() <= kCallsMax);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    io_uring_sqe* const entry = io_uring_get_sqe(ring_.get());
    io_uring_prep_recv(entry, calls[i].fd, calls[i].data, calls[i].bytes, MSG_DONTWAIT);
    io_uring_sqe_set_data64(entry, i);
  }
  return make(calls);
}

base::Status Ring::send(std::span<Call> calls) {
  CHECK(calls.size() <= kCallsMax);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    io_uring_sqe* const entry = io_uring_get_sqe(ring_.get());
    io_uring_prep_send(entry, calls[i].fd, calls[i].data, calls[i].bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    io_uring_sqe_set_data64(entry, i);
  }
  return make(calls);
}

base::Status Ring::make(std::span<Call> calls) {
  std::size_t open = calls.size();
  while (open > 0) {
    const int status = io_uring_submit_and_wait(ring_.get(), static_cast<unsigned>(open));
    const bool any = take_results(calls, open);
    if (status >= 0 || status == -EINTR) continue;
    // Memory is short: what was begun has its result, another try begins the rest.
    if ((status == -EAGAIN || status == -EBUSY) && any) continue;
    return base::system_error("io_uring_enter()", -status);
  }
  return {};
}

bool Ring::take_results(std::span<Call> calls, std::size_t& open) {
  const std::size_t before = open;
  unsigned head = 0;
  io_uring_cqe* done = nullptr;
  io_uring_for_each_cqe(ring_.get(), head, done) {
    calls[done->user_data].result = done->res;
    --open;
  }
  io_uring_cq_advance(ring_.get(), static_cast<unsigned>(before - open));
  return open < before;
}

}  // namespace apisix::event
