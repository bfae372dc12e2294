// BodyCollector: a request body that is read before it is used, decoded: because a plugin or a condition of
// the router wants to see it before the request is forwarded, or because a local service answers it. Of one
// that is longer than was asked for the beginning is here; the rest follows it to the upstream as it comes.
// What a plugin puts in the place of the client's body is here too.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shared/async/awaiters.h"
#include "worker/plugin/body_budget.h"
#include "worker/proxy/client_exchange.h"

namespace apisix::proxy {

class BodyCollector {
 public:
  enum class Result : std::uint8_t {
    kMore,      // what was at hand is taken, more is to come
    kEnd,       // it is whole
    kFull,      // as many as were asked for are there
    kBad,       // what the client sends is no body
    kNoBudget,  // the worker may not hold that much
  };

  BodyCollector(event::Loop& loop, plugin::BodyBudget::Charge charge, std::size_t bytes_max)
      : loop_(loop), charge_(std::move(charge)), complete_(std::in_place, loop), bytes_max_(bytes_max) {}

  struct Read {
    Result result;
    std::size_t bytes;  // of content that the client sent, also of what could not be held
  };
  // Takes what is at hand, until it is full. A piece is taken whole: there may be more than was asked for.
  Read read_from(ClientExchange& exchange);

  // --- another body in the place of the client's
  // What has not been read yet is read to its end and not kept: read_from() goes on.
  void drop_rest();
  // Behind the end of the client's. Views of what it replaces hold as long as this. False: the worker may not
  // hold that much, nothing is replaced.
  bool replace(std::string bytes);

  std::string_view view() const { return replacements_.empty() ? bytes_ : replacements_.back(); }
  // Moves the bytes out; the budget is charged for them until this ends.
  std::string take_bytes() { return std::move(bytes_); }
  bool is_full() const { return bytes_.size() >= bytes_max_; }
  // There is more of the body than this.
  bool is_partial() const { return is_partial_; }
  void set_partial() { is_partial_ = true; }

  bool is_complete() const { return complete_->is_set(); }
  void set_complete() {
    if (!complete_->is_set()) complete_->set(true);
  }
  // For the frame that waits for it; one at a time.
  async::Completion<bool>& completion() { return *complete_; }
  // The frame that waited is destroyed: it must not be resumed.
  void forget_waiter();

 private:
  bool store(const Pieces& content, std::size_t bytes);

  event::Loop& loop_;
  plugin::BodyBudget::Charge charge_;
  std::string bytes_;
  std::optional<async::Completion<bool>> complete_;
  std::list<std::string> replacements_;  // the last one is the body
  std::size_t bytes_max_;
  bool is_partial_ = false;
  bool drops_ = false;
};

}  // namespace apisix::proxy
