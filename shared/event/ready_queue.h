// ReadyQueue: what became runnable in this turn. A node is a member of the waiter (an awaiter inside a
// coroutine frame); destroying it takes it out of the queue, which is how cancellation is destruction.
#pragma once

namespace apisix::event {

class ReadyQueue;

class ReadyNode {
 public:
  using Run = void (*)(void* context);

  ReadyNode() = default;
  ~ReadyNode() { unlink(); }
  ReadyNode(const ReadyNode&) = delete;
  ReadyNode& operator=(const ReadyNode&) = delete;

  bool is_queued() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  friend class ReadyQueue;
  ReadyNode* prev_ = nullptr;
  ReadyNode* next_ = nullptr;
  Run run_ = nullptr;
  void* context_ = nullptr;
};

class ReadyQueue {
 public:
  ReadyQueue() { head_.prev_ = head_.next_ = &head_; }
  ~ReadyQueue() {
    while (!empty()) head_.next_->unlink();
    head_.prev_ = head_.next_ = nullptr;
  }
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;

  bool empty() const { return head_.next_ == &head_; }

  // Appends; a node that is queued already stays where it is.
  void push(ReadyNode& node, ReadyNode::Run run, void* context) {
    if (node.is_queued()) return;
    node.run_ = run;
    node.context_ = context;
    node.prev_ = head_.prev_;
    node.next_ = &head_;
    head_.prev_->next_ = &node;
    head_.prev_ = &node;
  }

  // The node may be destroyed by what it runs.
  void run_first() {
    ReadyNode& node = *head_.next_;
    node.unlink();
    node.run_(node.context_);
  }

  // Runs until nothing is left, what is pushed meanwhile included.
  void drain() {
    while (!empty()) run_first();
  }

  // Moves all nodes of `other` behind the ones that are here, in their order.
  void append_all(ReadyQueue& other) {
    if (other.empty()) return;
    head_.prev_->next_ = other.head_.next_;
    other.head_.next_->prev_ = head_.prev_;
    head_.prev_ = other.head_.prev_;
    head_.prev_->next_ = &head_;
    other.head_.prev_ = other.head_.next_ = &other.head_;
  }

 private:
  ReadyNode head_;
};

}  // namespace apisix::event
