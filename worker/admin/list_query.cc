#include "worker/admin/list_query.h"

#include <algorithm>
#include <optional>
#include <string>

#include "shared/base/arena.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/format/regex.h"
#include "shared/http/uri.h"
#include "shared/resource/fields.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;

constexpr long kPageSizeMin = 10;
constexpr long kPageSizeMax = 500;

std::optional<std::string> arg_of(std::string_view query, std::string_view name) {
  base::Arena arena;
  const auto raw = http::find_arg(query, name);
  if (!raw) return std::nullopt;
  return std::string(http::unescape(*raw, arena));
}

// A text filter: a regular expression; one that does not compile matches nothing.
class TextFilter {
 public:
  explicit TextFilter(std::optional<std::string> pattern) : wanted_(pattern.has_value()) {
    if (!wanted_) return;
    auto regex = format::Regex::compile(*pattern);
    if (regex) regex_.emplace(std::move(*regex));
  }
  bool wanted() const { return wanted_; }
  bool matches(const Json& text) const {
    return regex_ && text.isString() && regex_->matches(format::string_of(text));
  }

 private:
  bool wanted_;
  std::optional<format::Regex> regex_;
};

bool any_uri_matches(const TextFilter& filter, const Json& value) {
  if (filter.matches(find_member(value, "uri"))) return true;
  const Json& uris = find_member(value, "uris");
  return uris.isArray() &&
         std::any_of(uris.begin(), uris.end(), [&](const Json& uri) { return filter.matches(uri); });
}

struct FieldFilter {
  std::string name;
  std::string value;
};

// filter=service_id%3D1: a query string of its own; of a repeated name the last value counts.
std::vector<FieldFilter> field_filters(resource::Kind kind, std::string_view query) {
  std::vector<FieldFilter> out;
  const auto text = arg_of(query, "filter");
  const bool has_fields = kind == resource::Kind::kRoute || kind == resource::Kind::kStreamRoute;
  if (!text) return out;
  base::Arena arena;
  for (const http::QueryArg& arg : http::decode_args(*text, arena)) {
    if (!has_fields || (arg.name != "service_id" && arg.name != "upstream_id")) {
      base::log_warn("filter field '{}' is not supported by resource: {}", arg.name,
                     resource::info_of(kind).plural);
      continue;
    }
    const auto known =
        std::find_if(out.begin(), out.end(), [&](const FieldFilter& f) { return f.name == arg.name; });
    if (known != out.end()) {
      known->value = arg.value;
    } else {
      out.push_back({std::string(arg.name), std::string(arg.value)});
    }
  }
  return out;
}

base::Status page(Json& out, std::vector<Json>& items, std::string_view query) {
  const auto number = [&](const char* name) {
    const auto text = arg_of(query, name);
    return text ? base::parse_double(*text) : std::nullopt;
  };
  const auto page = number("page");
  const auto page_size = number("page_size");
  Json& list = out["list"] = Json(::Json::arrayValue);
  std::size_t from = 0;
  std::size_t to = items.size();
  if (page && page_size) {
    if (*page_size < kPageSizeMin || *page_size > kPageSizeMax) {
      return base::invalid("page_size must be between 10 and 500");
    }
    std::sort(items.begin(), items.end(), [](const Json& a, const Json& b) {
      return format::clamped<std::int64_t>(find_member(a, "createdIndex")) <
             format::clamped<std::int64_t>(find_member(b, "createdIndex"));
    });
    const auto size = static_cast<std::size_t>(*page_size);
    from = static_cast<std::size_t>(std::clamp(*page, 1.0, 1e9) - 1) * size;
    to = std::min(to, from + size);
  }
  for (std::size_t i = from; i < to; ++i) list.append(std::move(items[i]));
  return {};
}

}  // namespace

base::Result<Json> select_items(resource::Kind kind, std::vector<Json> items, std::string_view query) {
  const TextFilter name(arg_of(query, "name"));
  const TextFilter uri(arg_of(query, "uri"));
  const auto label = arg_of(query, "label");
  const auto fields = field_filters(kind, query);
  std::erase_if(items, [&](const Json& item) {
    const Json& value = find_member(item, "value");
    if (name.wanted() && !name.matches(find_member(value, "name"))) return true;
    if (uri.wanted() && !any_uri_matches(uri, value)) return true;
    if (label && find_member(find_member(value, "labels"), *label).isNull()) return true;
    return std::any_of(fields.begin(), fields.end(), [&](const FieldFilter& filter) {
      const Json& field = find_member(value, filter.name);
      return !field.isString() || format::string_of(field) != filter.value;
    });
  });
  Json out(::Json::objectValue);
  out["total"] = static_cast<Json::UInt64>(items.size());
  if (auto status = page(out, items, query); !status) return std::unexpected(status.error());
  return out;
}

}  // namespace apisix::admin
