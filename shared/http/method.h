// Request methods by number, so that the router compares integers. Method names are case-sensitive
// (RFC 9110 9.1); one that is not listed is kOther and travels as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kPatch,
  kOptions,
  kConnect,  // from here on the request path looks twice at the method
  kTrace,
  kPurge,
  // WebDAV (RFC 4918, 3253, 5323)
  kCopy,
  kMove,
  kLock,
  kUnlock,
  kMkcol,
  kPropfind,
  kProppatch,
  kReport,
  kSearch,
  kOther,
};

// Exact match; anything else, the empty text included, is kOther.
Method parse_method(std::string_view name);
// "GET" and so on; "" for kOther, whose name only the message knows.
std::string_view method_name(Method method);

}  // namespace apisix::http
