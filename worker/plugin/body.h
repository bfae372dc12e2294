// Body: one piece of a body on its way through the filters: of a response (body_filter), or of a request on
// its way to the upstream (request_body_filter). What a filter puts in its place is held in two buffers that
// take turns, so that memory stays flat however long the body is. A filter whose work on a piece is long does
// it in slices, one in a turn of the loop: again().
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "worker/plugin/body_budget.h"

namespace apisix::plugin {

// What a filter decodes, or lets out of a body that it held, in one turn of the loop: 0.3 ms.
inline constexpr std::size_t kBodySliceBytes = 128 * 1024;

class Body {
 public:
  // `budget`: for what filters hold; null only in tests.
  explicit Body(BodyBudget* budget = nullptr) : budget_(budget) {}

  BodyBudget* budget() const { return budget_; }
  // What the sender, or the filter before, sent. Valid until replace() or output() is called.
  std::string_view data() const { return data_; }
  // The same, or what this filter has put in its place.
  std::string_view outgoing() const { return replaced_ ? std::string_view(buffers_[1 - in_]) : data_; }
  // Nothing follows.
  bool last() const { return last_; }
  // Nothing more is at hand: a filter that buffers bytes only to gather more flushes them.
  bool flush() const { return flush_; }

  // Sends `data` (copied) instead. Of a response only for a plugin that announced it:
  // Response::will_change_body(). The same holds for finish() and again().
  void replace(std::string_view data) {
    std::string& out = output();
    out.assign(data);
  }
  // An empty text to fill; it replaces data() once this filter returns. data() stays readable meanwhile.
  std::string& output() {
    replaced_ = true;
    std::string& out = buffers_[1 - in_];
    out.clear();
    return out;
  }
  // This is the last piece: the filters behind see last(), what the sender still sends is not asked for.
  void finish() { finished_ = true; }
  // What goes out cannot be made whole. Of a response: the client gets 502 when nothing of it is sent yet,
  // else it sees that the response breaks off. Of a request: the client gets 400, when nothing of a response
  // is sent yet, and the node sees that the request breaks off.
  void break_off() { broken_ = true; }
  // This filter has more to do with what it got: it is called again, with an empty piece, before any other
  // piece comes. Not in delayed_body_filter.
  void again() { again_ = true; }

  // --- for the chain and its caller
  void begin(std::string_view data, bool last, bool flush = false) {
    data_ = data;
    last_ = last;
    flush_ = flush;
    replaced_ = finished_ = false;
  }
  void end_filter(bool may_change, const void* filter = nullptr) {
    if (replaced_ && may_change) {
      in_ = 1 - in_;
      data_ = buffers_[in_];
    }
    last_ |= finished_ && may_change;
    if (again_ && may_change) {
      unfinished_.push_back({filter, last_});
      data_ = replaced_ ? data_ : std::string_view{};
      last_ = false;
    }
    replaced_ = finished_ = again_ = false;
  }
  bool is_broken() const { return broken_; }
  // Some filter asked for another turn.
  bool is_unfinished() const { return !unfinished_.empty(); }
  // Instead of begin(): an empty piece for that filter (the last one of them that asked) and those behind it.
  const void* resume() {
    const Unfinished next = unfinished_.back();
    unfinished_.pop_back();
    begin({}, next.last, true);
    return next.filter;
  }
  // There is nothing that the next filter could do.
  bool is_nothing() const { return data_.empty() && !last_; }

 private:
  struct Unfinished {
    const void* filter;
    bool last;  // the piece that it has not finished is the last one
  };

  BodyBudget* budget_;
  std::vector<Unfinished> unfinished_;
  std::array<std::string, 2> buffers_;
  std::size_t in_ = 0;  // the buffer that data_ may view
  std::string_view data_;
  bool last_ = false;
  bool flush_ = false;
  bool replaced_ = false;
  bool finished_ = false;
  bool broken_ = false;
  bool again_ = false;
};

}  // namespace apisix::plugin
