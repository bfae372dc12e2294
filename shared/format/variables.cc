#include "shared/format/variables.h"

#include <cstdlib>

#include "shared/base/text.h"
#include "shared/format/yaml_comments.h"

namespace apisix::format {
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

void append_value(std::string_view inner, const EnvironmentLookup& environment, Variables& used,
                  Replaced& out) {
  const auto assign = inner.find(":=");
  const std::string name(inner.substr(0, assign));
  auto value = environment(name);
  if (!value && assign != inner.npos) value = std::string(trimmed(inner.substr(assign + 2)));
  if (!value) {
    if (out.missing.empty()) out.missing = name;
    return;
  }
  out.any = true;
  out.text += *value;
  used[name] = *std::move(value);
}

std::unexpected<base::Error> missing(const Replaced& replaced) {
  return base::invalid("can't find environment variable " + replaced.missing);
}

base::Status replace_in_members(Json& map, const EnvironmentLookup& environment, Variables& used) {
  for (const std::string& name : map.getMemberNames()) {
    if (auto status = replace_variables_in_json(map[name], environment, used); !status) return status;
    const Replaced key = replace_variables(name, environment, used);
    if (!key.missing.empty()) return missing(key);
    if (key.text == name) continue;
    Json moved = std::move(map[name]);
    map.removeMember(name);
    map[key.text] = std::move(moved);
  }
  return {};
}

}  // namespace

std::optional<std::string> own_environment(std::string_view name) {
  const char* const value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Replaced replace_variables(std::string_view text, const EnvironmentLookup& environment, Variables& used) {
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
    append_value(inner, environment, used, out);
    text.remove_prefix(end + 2);
  }
  out.text += text;
  return out;
}

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

base::Result<std::string> replace_variables_in_yaml(std::string_view text,
                                                    const EnvironmentLookup& environment, Variables& used) {
  std::string out;
  const auto add = [&](std::string_view part) -> base::Status {
    const Replaced replaced = replace_variables(part, environment, used);
    if (!replaced.missing.empty()) return missing(replaced);
    out += replaced.text;
    return {};
  };
  if (text.find("${{") == text.npos) return std::string(text);
  std::size_t done = 0;
  for (const TextRange& comment : find_yaml_comments(text)) {
    if (auto status = add(text.substr(done, comment.begin - done)); !status) {
      return std::unexpected(status.error());
    }
    out += text.substr(comment.begin, comment.end - comment.begin);
    done = comment.end;
  }
  if (auto status = add(text.substr(done)); !status) return std::unexpected(status.error());
  return out;
}

base::Status replace_variables_in_json(Json& value, const EnvironmentLookup& environment, Variables& used) {
  if (value.isString()) {
    const Replaced replaced = replace_variables(value.asString(), environment, used);
    if (!replaced.missing.empty()) return missing(replaced);
    if (replaced.any) value = typed_value(replaced.text);
    return {};
  }
  if (value.isObject()) return replace_in_members(value, environment, used);
  if (!value.isArray()) return {};
  for (Json& element : value) {
    if (auto status = replace_variables_in_json(element, environment, used); !status) return status;
  }
  return {};
}

}  // namespace apisix::format
