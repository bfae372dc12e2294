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

  // --- for the chain
  void begin(std::string_view data, bool last) {
    data_ = data;
    last_ = last;
    replaced_ = false;
  }
  void end_filter(bool may_change) {
    if (replaced_ && may_change) {
      in_ = 1 - in_;
      data_ = buffers_[in_];
    }
    replaced_ = false;
  }

 private:
  std::array<std::string, 2> buffers_;
  std::size_t in_ = 0;  // the buffer that data_ may view
  std::string_view data_;
  bool last_ = false;
  bool replaced_ = false;
};

}  // namespace apisix::plugin
