#include "shared/http/method.h"

#include <array>

namespace apisix::http {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Method::kOther) + 1> kNames{
    "GET",  "HEAD", "POST", "PUT",    "DELETE", "PATCH",    "OPTIONS",   "CONNECT", "TRACE",  "PURGE",
    "COPY", "MOVE", "LOCK", "UNLOCK", "MKCOL",  "PROPFIND", "PROPPATCH", "REPORT",  "SEARCH", "",
};

}  // namespace

Method parse_method(std::string_view name) {
  for (std::size_t i = 0; i + 1 < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view method_name(Method method) {
  return kNames[static_cast<std::size_t>(method)];
}

}  // namespace apisix::http
