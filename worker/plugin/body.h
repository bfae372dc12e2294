// Body: one piece of a response's body on its way through the body filters. What a filter puts in its place
// is held in two buffers that take turns, so that memory stays flat however long the body is.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace apisix::plugin {

class Body {
 public:
  // What the upstream, or the filter before, sent. Valid until replace() or output() is called.
  std::string_view data() const { return data_; }
  // Nothing follows.
  bool last() const { return last_; }
  // Nothing more is at hand: whoever keeps bytes back only to gather more of them lets them go.
  bool flush() const { return flush_; }

  // Sends `data` (copied) instead. Only for a plugin that announced it: Request::will_change_body().
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
  // This is the last piece: the filters behind see last(), what the upstream still sends is not asked for.
  // Only for a plugin that announced a change.
  void finish() { finished_ = true; }
  // What goes out cannot be made whole: the client sees that its answer breaks off.
  void break_off() { broken_ = true; }

  // --- for the chain and whoever runs it
  void begin(std::string_view data, bool last, bool flush = false) {
    data_ = data;
    last_ = last;
    flush_ = flush;
    replaced_ = finished_ = false;
  }
  void end_filter(bool may_change) {
    if (replaced_ && may_change) {
      in_ = 1 - in_;
      data_ = buffers_[in_];
    }
    last_ |= finished_ && may_change;
    replaced_ = finished_ = false;
  }
  bool is_broken() const { return broken_; }

 private:
  std::array<std::string, 2> buffers_;
  std::size_t in_ = 0;  // the buffer that data_ may view
  std::string_view data_;
  bool last_ = false;
  bool flush_ = false;
  bool replaced_ = false;
  bool finished_ = false;
  bool broken_ = false;
};

}  // namespace apisix::plugin
