#include "worker/admin/target_check.h"

#include <fmt/format.h>

#include "shared/base/arena.h"
#include "shared/base/text.h"
#include "shared/base/utf8.h"
#include "shared/http/uri.h"

namespace apisix::admin {
namespace {

constexpr std::size_t kEscapeBytes = 3;  // "%2F"

bool changes_meaning(char decoded) {
  const auto byte = static_cast<unsigned char>(decoded);
  return byte < 0x20 || byte == 0x7f || std::string_view("/\\?#%").contains(decoded);
}

// The first escape of a path that must not be there; empty: none. The path was decoded before: its escapes
// are well-formed.
std::string_view find_bad_escape(std::string_view raw_path) {
  for (std::size_t at = raw_path.find('%'); at != raw_path.npos; at = raw_path.find('%', at + kEscapeBytes)) {
    const std::string_view escape = raw_path.substr(at, kEscapeBytes);
    char decoded[kEscapeBytes];
    http::unescape_to(escape, decoded);
    if (changes_meaning(decoded[0])) return escape;
  }
  return {};
}

bool has_hidden_dots(std::string_view raw_path) {
  base::Arena arena;
  for (const std::string_view segment : base::split(raw_path, '/')) {
    if (!segment.contains('%')) continue;
    const std::string_view decoded = http::unescape(segment, arena, false);
    if (decoded == "." || decoded == "..") return true;
  }
  return false;
}

}  // namespace

base::Status check_target(const proxy::LocalRequest& request) {
  if (!base::is_utf8(request.path)) return base::invalid("the path is not UTF-8");
  base::Arena arena;
  if (!base::is_utf8(request.query) || !base::is_utf8(http::unescape(request.query, arena))) {
    return base::invalid("the query is not UTF-8");
  }
  if (!request.raw_path.contains('%')) return {};
  if (const std::string_view bad = find_bad_escape(request.raw_path); !bad.empty()) {
    return base::invalid(fmt::format("{} must not be in the path of an object", bad));
  }
  if (has_hidden_dots(request.raw_path)) return base::invalid("dot segments must not be escaped");
  return {};
}

}  // namespace apisix::admin
