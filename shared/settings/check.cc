#include "shared/settings/check.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "shared/base/ip.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/settings/units.h"

namespace apisix::settings {
namespace {

std::string joined(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : parent + "." + name;
}

bool has_rows_below(std::string_view pattern) {
  if (pattern.empty()) return true;
  const std::string prefix = std::string(pattern) + ".";
  for (const auto& keys : {engine_keys(), plugin_keys(), discovery_keys()}) {
    for (const Key& key : keys) {
      if (key.path.starts_with(prefix)) return true;
    }
  }
  return false;
}

// The pattern of member `name` of a map: its own row, else "*", else its own name.
std::string member_pattern(const std::string& pattern, const std::string& name) {
  std::string own = joined(pattern, name);
  if (find_key(own) != nullptr) return own;
  std::string any = joined(pattern, "*");
  return find_key(any) != nullptr ? any : own;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// The known member of `pattern` that `name` most likely means, else a known key of that name elsewhere.
std::string suggestion(const std::string& pattern, std::string_view name) {
  const std::string prefix = joined(pattern, "");
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  std::string best;
  std::string elsewhere;
  for (const auto& keys : {engine_keys(), plugin_keys(), discovery_keys()}) {
    for (const Key& key : keys) {
      const std::string_view last = key.path.substr(key.path.find_last_of('.') + 1);
      if (last == name && elsewhere.empty()) elsewhere = key.path;
      if (!key.path.starts_with(prefix)) continue;
      const std::string_view member = key.path.substr(prefix.size());
      if (member.find_first_of(".[*") != member.npos) continue;
      const std::size_t distance = edit_distance(name, member);
      if (distance < best_distance) {
        best_distance = distance;
        best = member;
      }
    }
  }
  return best.empty() ? elsewhere : best;
}

class Checker {
 public:
  explicit Checker(Report& report) : report_(report) {}

  void check(const std::string& path, const std::string& pattern, const Json& value) {
    if (value.isNull()) return;
    if (const Key* key = find_key(pattern); key != nullptr) {
      const std::string expected = misfit(*key, value);
      if (!expected.empty()) return report_.expected(path, expected, value);
      if (key->kind == Kind::kOpenMap && !has_rows_below(pattern)) return;
    }
    if (value.isObject()) return check_members(path, pattern, value);
    if (value.isArray()) check_elements(path, pattern, value);
  }

  void check_members(const std::string& path, const std::string& pattern, const Json& map) {
    const Key* const key = find_key(pattern);
    const bool closed = (key == nullptr || key->kind != Kind::kOpenMap) && has_rows_below(pattern);
    for (auto member = map.begin(); member != map.end(); ++member) {
      const std::string name = member.name();
      const std::string own_path = joined(path, name);
      const std::string own_pattern = member_pattern(pattern, name);
      if (find_key(own_pattern) == nullptr && closed) {
        warn_unknown(own_path, pattern, name);
      } else {
        check(own_path, own_pattern, *member);
      }
    }
  }

 private:
  void check_elements(const std::string& path, const std::string& pattern, const Json& list) {
    const std::string element_pattern = pattern + "[]";
    if (find_key(element_pattern) == nullptr) return;
    for (::Json::ArrayIndex i = 0; i < list.size(); ++i) {
      const std::string element_path = fmt::format("{}[{}]", path, i);
      const Key& key = *find_key(element_pattern);
      if (list[i].isNull() && key.kind != Kind::kAny) {
        report_.expected(element_path, misfit(key, list[i]), list[i]);
      } else {
        check(element_path, element_pattern, list[i]);
      }
    }
  }

  void warn_unknown(const std::string& path, const std::string& pattern, const std::string& name) {
    const std::string known = suggestion(pattern, name);
    report_.warn(path, known.empty()
                           ? "unknown key, it has no effect"
                           : fmt::format("unknown key, it has no effect; did you mean \"{}\"?", known));
  }

  Report& report_;
};

std::string quoted_choices(std::string_view choices) {
  std::string out;
  for (const std::string_view choice : base::split(choices, '|')) {
    if (!out.empty()) out += ", ";
    out += choice;
  }
  return "one of " + out;
}

std::string range_text(const Key& key, std::string_view what) {
  const bool has_min = key.min != std::numeric_limits<std::int64_t>::min();
  const bool has_max = key.max != std::numeric_limits<std::int64_t>::max();
  if (has_min && has_max) return fmt::format("{} from {} to {}", what, key.min, key.max);
  if (has_min) return fmt::format("{} of at least {}", what, key.min);
  if (has_max) return fmt::format("{} of at most {}", what, key.max);
  return std::string(what);
}

bool is_in_range(const Key& key, double number) {
  return number >= static_cast<double>(key.min) && number <= static_cast<double>(key.max);
}

// nginx_config takes numbers as text too: they end as text in nginx.conf.
std::optional<double> number_of(const Key& key, const Json& value) {
  if (value.isNumeric()) return format::number_of(value);
  if (value.isString() && key.path.starts_with("nginx_config."))
    return base::parse_double(format::string_of(value));
  return std::nullopt;
}

bool fits_integer(const Key& key, const Json& value) {
  const auto number = number_of(key, value);
  return number && std::floor(*number) == *number && is_in_range(key, *number);
}

bool fits_number(const Key& key, const Json& value) {
  const auto number = number_of(key, value);
  return number && is_in_range(key, *number);
}

bool fits_duration(const Json& value) {
  constexpr double kSecondsMax = 100.0 * 365 * 86'400;
  if (value.isNumeric()) return format::number_of(value) >= 0 && format::number_of(value) <= kSecondsMax;
  return value.isString() && parse_duration_ms(format::string_of(value));
}

bool fits_size(const Json& value) {
  if (value.isNumeric()) return value.isInt64() && format::clamped<std::int64_t>(value) >= 0;
  return value.isString() && parse_size_bytes(format::string_of(value));
}

bool is_one_of(std::string_view choices, const Json& value) {
  if (!value.isString()) return false;
  const std::string text = format::string_of(value);
  return std::ranges::any_of(base::split(choices, '|'),
                             [&](std::string_view choice) { return choice == text; });
}

bool is_peer(const Json& value) {
  if (!value.isString()) return false;
  const std::string text = format::string_of(value);
  return text == "unix:" || text == "all" || base::Cidr::parse(text).has_value();
}

bool is_url(const Json& value) {
  if (!value.isString()) return false;
  const std::string text = format::string_of(value);
  return text.starts_with("http://") || text.starts_with("https://");
}

bool is_plain_text(const Json& value) {
  return value.isString() && std::ranges::none_of(format::string_of(value), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

bool is_on_off(const Json& value) {
  return value.isBool() || is_one_of("on|off", value);
}

std::string text_expectation(const Json& value) {
  const bool scalar = value.isNumeric() || value.isBool();
  return scalar ? fmt::format("text (quote it: \"{}\")", format::to_json(value)) : "text";
}

std::string list_expectation(const Key& key) {
  const bool bounded = key.max != std::numeric_limits<std::int64_t>::max();
  if (bounded) return fmt::format("a list of {} to {} elements", key.min, key.max);
  return key.min > 0 ? fmt::format("a list of at least {} element{}", key.min, key.min == 1 ? "" : "s")
                     : "a list";
}

}  // namespace

std::string misfit(const Key& key, const Json& value) {
  const auto unless = [](bool fits, std::string expected) {
    return fits ? std::string() : std::move(expected);
  };
  switch (key.kind) {
    case Kind::kAny:
      return {};
    case Kind::kMap:
    case Kind::kOpenMap:
      return unless(value.isObject(), "a map");
    case Kind::kList:
      return unless(value.isArray() && is_in_range(key, value.size()), list_expectation(key));
    case Kind::kText:
      return unless(value.isString(), text_expectation(value));
    case Kind::kPlainText:
      return unless(is_plain_text(value), "text (control characters are not allowed)");
    case Kind::kBool:
      return unless(value.isBool(), "true or false");
    case Kind::kOnOff:
      return unless(is_on_off(value), "on or off");
    case Kind::kInteger:
      return unless(fits_integer(key, value), range_text(key, "a whole number"));
    case Kind::kNumber:
      return unless(fits_number(key, value), range_text(key, "a number"));
    case Kind::kDuration:
      return unless(fits_duration(value), "a duration such as 60s, 500ms or 1h30m");
    case Kind::kSize:
      return unless(fits_size(value), "a size such as 512, 16k, 10m or 1g");
    case Kind::kChoice:
      return unless(is_one_of(key.choices, value), quoted_choices(key.choices));
    case Kind::kPeer:
      return unless(is_peer(value), "an IP address or a network such as 10.0.0.0/8");
    case Kind::kUrl:
      return unless(is_url(value), "an address that starts with http:// or https://");
  }
  return {};
}

void check_keys(const Json& config, Report& report) {
  Checker(report).check_members("", "", config);
}

std::string pattern_of(std::string_view path) {
  std::string out;
  bool skip = false;
  for (const char c : path) {
    if (c == ']') skip = false;
    if (!skip) out += c;
    if (c == '[') skip = true;
  }
  return out;
}

const Key* find_key_of_path(std::string_view path) {
  const std::string pattern = pattern_of(path);
  if (const Key* key = find_key(pattern); key != nullptr) return key;
  const auto dot = pattern.find_last_of('.');
  return dot == std::string::npos ? nullptr : find_key(pattern.substr(0, dot) + ".*");
}

}  // namespace apisix::settings
