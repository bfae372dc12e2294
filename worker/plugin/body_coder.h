// BodyCoder: a content coding (gzip, br) that a plugin chose for the response. It runs behind every body
// filter, so that those see plain text. Owned by the request; made in header_filter:
// Response::set_coder().
#pragma once

#include <string>
#include <string_view>

namespace apisix::plugin {

class BodyCoder {
 public:
  BodyCoder() = default;
  virtual ~BodyCoder() = default;
  BodyCoder(const BodyCoder&) = delete;
  BodyCoder& operator=(const BodyCoder&) = delete;

  // The name that goes into Content-Encoding.
  virtual std::string_view name() const = 0;
  // Appends the coded form of `data` to `out`, or keeps some of it back. `flush`: nothing more is at hand,
  // the client shall see everything so far. `last`: nothing follows. False: the body is broken.
  virtual bool encode(std::string_view data, bool flush, bool last, std::string& out) = 0;
};

}  // namespace apisix::plugin
