// Link: membership in one doubly linked ring, held by the member itself; destroying it leaves the ring.
#pragma once

namespace apisix::base {

class Link {
 public:
  struct Head {};

  Link() = default;
  explicit Link(Head) : prev_(this), next_(this) {}
  ~Link() { unlink(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Of a member: is in a ring. Of a head: has members.
  bool is_linked() const { return next_ != nullptr && next_ != this; }
  Link* next() const { return next_; }
  Link* prev() const { return prev_; }
  // Appends `member` to the ring of this head.
  void append(Link& member) {
    member.unlink();
    member.prev_ = prev_;
    member.next_ = this;
    prev_->next_ = &member;
    prev_ = &member;
  }
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  Link* prev_ = nullptr;
  Link* next_ = nullptr;
};

}  // namespace apisix::base
