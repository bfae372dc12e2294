// ScriptedStore: a store that only lists and watches, and does both when the test says so.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shared/async/awaiters.h"
#include "shared/store/store.h"

namespace apisix::store {

class ScriptedStore final : public Store {
 public:
  explicit ScriptedStore(event::Loop& loop) : loop_(loop) {}

  // What the next call of list() gives; calls wait for it.
  void will_list(base::Result<ListReply> reply) {
    replies_.push_back(std::move(reply));
    if (waiting_ != nullptr && !waiting_->is_set) {
      waiting_->is_set = true;
      waiting_->done.set(true);
    }
  }
  void will_fail(std::string what) {
    will_list(std::unexpected(
        base::Error{base::ErrorCode::kClosed, base::ErrorSource::kStore, true, std::move(what)}));
  }
  int lists() const { return lists_; }

  bool is_watched() const { return watch_ != nullptr; }
  Revision watched_from() const { return from_; }
  const std::string& watched_prefix() const { return prefix_; }
  int watches() const { return watches_; }
  void deliver(Revision revision, std::vector<Event> events = {}) {
    const WatchCallbacks callbacks = *watch_;
    callbacks.on_batch({revision, std::move(events)});
  }
  void progress(Revision revision) {
    if (watch_->on_progress) watch_->on_progress(revision);
  }
  void lose(std::string what) {
    const WatchCallbacks callbacks = *watch_;
    callbacks.on_lost({base::ErrorCode::kClosed, base::ErrorSource::kStore, true, std::move(what)});
  }

  async::Task<base::Result<ListReply>> list(std::string) override {
    ++lists_;
    if (replies_.empty()) {
      Waiting waiting(*this);
      co_await waiting.done;
    }
    auto reply = std::move(replies_.front());
    replies_.pop_front();
    co_return reply;
  }
  std::unique_ptr<Watch> watch(std::string prefix, Revision from, WatchCallbacks callbacks) override {
    ++watches_;
    prefix_ = std::move(prefix);
    from_ = from;
    watch_ = std::make_shared<WatchCallbacks>(std::move(callbacks));
    return std::make_unique<Handle>(*this, watch_);
  }
  async::Task<base::Result<Item>> get(std::string) override { co_return base::invalid("not scripted"); }
  async::Task<base::Result<TxnReply>> txn(Txn) override { co_return base::invalid("not scripted"); }
  async::Task<base::Result<LeaseId>> grant_lease(std::int64_t) override {
    co_return base::invalid("not scripted");
  }
  async::Task<base::Result<std::int64_t>> keep_lease_alive(LeaseId) override {
    co_return base::invalid("not scripted");
  }
  std::string_view provider() const override { return "scripted"; }

 private:
  // The one list() that waits for a reply; a member of its frame.
  struct Waiting {
    explicit Waiting(ScriptedStore& store) : done(store.loop_), owner(store) { owner.waiting_ = this; }
    ~Waiting() { owner.waiting_ = nullptr; }
    async::Completion<bool> done;
    ScriptedStore& owner;
    bool is_set = false;
  };
  struct Handle final : Watch {
    Handle(ScriptedStore& store, std::shared_ptr<WatchCallbacks> callbacks)
        : owner(store), watched(std::move(callbacks)) {}
    ~Handle() override {
      if (owner.watch_ == watched) owner.watch_ = nullptr;
    }
    ScriptedStore& owner;
    std::shared_ptr<WatchCallbacks> watched;
  };

  event::Loop& loop_;
  std::deque<base::Result<ListReply>> replies_;
  Waiting* waiting_ = nullptr;
  int lists_ = 0;
  int watches_ = 0;
  std::shared_ptr<WatchCallbacks> watch_;
  std::string prefix_;
  Revision from_ = 0;
};

}  // namespace apisix::store
