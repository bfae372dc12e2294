// Other connections of the loop that become readable in one turn, so that the turn has a batch.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "shared/event/loop.h"
#include "shared/event/turn_batch.h"
#include "shared/net/watched_transport.h"
#include "tests/unit/shared/net/socket_pair.h"

namespace apisix::net {

class Crowd {
 public:
  explicit Crowd(event::Loop& loop) : loop_(loop) {
    for (std::size_t i = 0; i < event::TurnBatch::kCallsMin; ++i) members_.push_back(make());
  }

  void become_readable() {
    for (const auto& member : members_) {
      const iovec one = piece("x");
      EXPECT_TRUE(write_some(member->pair.b.fd(), {&one, 1}).done());
    }
  }
  // A turn, in which they are readable; the first one that has its callback runs `work`, in the batch.
  void turn(const std::function<void()>& work) {
    work_ = work;
    loop_.run_once(1);
    EXPECT_FALSE(work_);
  }

 private:
  struct Member {
    Crowd* crowd;
    SocketPair pair;
    std::unique_ptr<WatchedTransport> transport;
  };

  std::unique_ptr<Member> make() {
    auto member = std::make_unique<Member>(this);
    member->transport =
        std::make_unique<WatchedTransport>(loop_, std::move(member->pair.a), &Crowd::on_event, member.get());
    member->transport->start(/*read=*/true, /*write=*/false);
    return member;
  }
  static void on_event(void* self, bool, bool) {
    auto& member = *static_cast<Member*>(self);
    char byte = 0;
    EXPECT_TRUE(member.transport->read({&byte, 1}).done());
    EXPECT_TRUE(member.crowd->loop_.batch().collects_sends());
    if (member.crowd->work_) std::exchange(member.crowd->work_, nullptr)();
  }

  event::Loop& loop_;
  std::vector<std::unique_ptr<Member>> members_;
  std::function<void()> work_;
};

}  // namespace apisix::net
