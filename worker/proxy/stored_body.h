// StoredBody: a request body that was read before the request is forwarded, because a plugin or a condition
// of the router wants to see it. Decoded. A whole one goes to the upstream with a Content-Length; of one that
// is longer than was asked for the beginning is here, and the rest follows it to the upstream as it comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shared/async/awaiters.h"
#include "worker/plugin/body_budget.h"

namespace apisix::proxy {

class StoredBody {
 public:
  StoredBody(event::Loop& loop, plugin::BodyBudget& budget, std::size_t bytes_max)
      : loop_(loop), charge_(&budget), complete_(std::in_place, loop), bytes_max_(bytes_max) {}

  std::size_t bytes_max() const { return bytes_max_; }
  std::string_view view() const { return bytes_; }
  bool is_full() const { return bytes_.size() >= bytes_max_; }
  // There is more of the body than this.
  bool is_partial() const { return is_partial_; }
  void set_partial() { is_partial_ = true; }
  // False: the worker may not hold that much.
  bool append(std::string_view bytes) {
    if (!charge_.set(bytes_.size() + bytes.size())) return false;
    bytes_.append(bytes);
    return true;
  }
  bool is_complete() const { return complete_->is_set(); }
  void set_complete() {
    if (!complete_->is_set()) complete_->set(true);
  }
  // Whoever waits for it; one at a time.
  async::Completion<bool>& completion() { return *complete_; }
  // The frame that waited is destroyed: it must not be resumed.
  void forget_waiter() {
    const bool was_complete = is_complete();
    complete_.emplace(loop_);
    if (was_complete) set_complete();
  }

 private:
  event::Loop& loop_;
  plugin::BodyBudget::Charge charge_;
  std::string bytes_;
  std::optional<async::Completion<bool>> complete_;
  std::size_t bytes_max_;
  bool is_partial_ = false;
};

}  // namespace apisix::proxy
