#include "shared/settings/variables.h"

#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/settings/check.h"

namespace apisix::settings {
namespace {

bool is_name_character(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z') || c == '_';
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

struct Replaced {
  std::string text;
  bool any = false;     // a variable was there
  std::string missing;  // the first variable that has no value
};

class Replacer {
 public:
  Replacer(const EnvironmentLookup& environment, Variables& used) : environment_(environment), used_(used) {}

  Replaced replace(std::string_view text) {
    Replaced out;
    for (;;) {
      const auto start = text.find("${{");
      if (start == text.npos) break;
      const auto end = text.find("}}", start + 3);
      if (end == text.npos) break;
      const std::string_view inner = trimmed(text.substr(start + 3, end - start - 3));
      if (inner.empty() || !is_name_character(inner.front())) {  // not ours
        out.text += text.substr(0, start + 3);
        text.remove_prefix(start + 3);
        continue;
      }
      out.text += text.substr(0, start);
      append_value(inner, out);
      text.remove_prefix(end + 2);
    }
    out.text += text;
    return out;
  }

 private:
  void append_value(std::string_view inner, Replaced& out) {
    const auto assign = inner.find(":=");
    const std::string name(inner.substr(0, assign));
    auto value = environment_(name);
    if (!value && assign != inner.npos) value = std::string(trimmed(inner.substr(assign + 2)));
    if (!value) {
      if (out.missing.empty()) out.missing = name;
      return;
    }
    out.any = true;
    out.text += *value;
    used_[name] = *std::move(value);
  }

  const EnvironmentLookup& environment_;
  Variables& used_;
};

// Lua's tonumber() and the two words; none when it stays text.
Json typed_value(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const std::string_view digits = trimmed(text);
  if (const auto whole = base::parse_integer<std::int64_t>(digits))
    return Json(static_cast<::Json::Int64>(*whole));
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    std::uint32_t hex = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data() + 2, last, hex, 16);
    if (error == std::errc{} && end == last) return hex;
  }
  if (const auto number = base::parse_double(digits)) return *number;
  return text;
}

class Walker {
 public:
  Walker(const EnvironmentLookup& environment, Variables& used, Report& report)
      : replacer_(environment, used), report_(report) {}

  // Pairs of paths: what was renamed, and to what.
  std::vector<std::pair<std::string, std::string>> renamed;

  void walk(const std::string& path, Json& value) {
    if (value.isString()) return replace_value(path, value);
    if (value.isArray()) {
      for (::Json::ArrayIndex i = 0; i < value.size(); ++i) walk(fmt::format("{}[{}]", path, i), value[i]);
    }
    if (value.isObject()) walk_members(path, value);
  }

 private:
  void walk_members(const std::string& path, Json& map) {
    for (const std::string& name : map.getMemberNames()) {
      const std::string own_path = path.empty() ? name : path + "." + name;
      walk(own_path, map[name]);
      const Replaced key = replacer_.replace(name);
      report_missing(own_path, key);
      if (!key.missing.empty() || key.text == name) continue;
      Json moved = std::move(map[name]);
      map.removeMember(name);
      map[key.text] = std::move(moved);
      renamed.emplace_back(own_path, path.empty() ? key.text : path + "." + key.text);
    }
  }

  void replace_value(const std::string& path, Json& value) {
    Replaced replaced = replacer_.replace(value.asString());
    report_missing(path, replaced);
    if (!replaced.any) return;
    const Key* const key = find_key_of_path(path);
    const bool holds_text = key != nullptr && (key->kind == Kind::kText || key->kind == Kind::kPlainText);
    value = holds_text || is_secret_path(path) ? Json(replaced.text) : typed_value(replaced.text);
  }

  void report_missing(const std::string& path, const Replaced& replaced) {
    if (replaced.missing.empty()) return;
    report_.fault(path, fmt::format("can't find environment variable {}, and no default is given "
                                    "(${{{{{}:=default}}}})",
                                    replaced.missing, replaced.missing));
  }

  Replacer replacer_;
  Report& report_;
};

}  // namespace

void replace_variables(format::Yaml& user, const EnvironmentLookup& environment, Report& report,
                       Variables& used) {
  Walker walker(environment, used, report);
  walker.walk("", user.value);
  for (const auto& [from, to] : walker.renamed) user.rename_lines(from, to);
}

base::Result<std::string> replace_variables_in_text(std::string_view text,
                                                    const EnvironmentLookup& environment, Variables& used) {
  Replaced replaced = Replacer(environment, used).replace(text);
  if (!replaced.missing.empty()) return base::invalid("can't find environment variable " + replaced.missing);
  return std::move(replaced.text);
}

std::optional<std::string> own_environment(std::string_view name) {
  const char* const value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace apisix::settings
