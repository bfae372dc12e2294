#include "worker/proxy/log_format.h"

#include <array>

#include "shared/base/json_escape.h"
#include "shared/base/text.h"
#include "shared/base/utf8.h"
#include "shared/http/uri.h"
#include "worker/plugin/variables.h"

namespace apisix::proxy {
namespace {

constexpr char kHexUpper[] = "0123456789ABCDEF";

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

constexpr std::array<bool, 256> make_plain(bool json) {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 256; ++c) {
    plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\' && (json || c < 0x7f);
  }
  return plain;
}

// What nginx logs, not what APISIX's plugins see: raw, the name compared as it was sent but in any case, and
// only with a '=' (ngx_http_arg).
std::optional<std::string_view> raw_arg(std::string_view query, std::string_view name) {
  while (const auto arg = http::next_arg(query)) {
    if (arg->has_value && base::equals_ignore_case(arg->name, name)) return arg->value;
  }
  return std::nullopt;
}

std::optional<std::string_view> read(const route::VariableName& name, plugin::Request& request) {
  if (name.kind == route::VariableKind::kArg) return raw_arg(request.args, name.detail);
  return plugin::Variables(request).read(name);
}

constexpr std::array<bool, 256> kPlainDefault = make_plain(false);
constexpr std::array<bool, 256> kPlainJson = make_plain(true);

}  // namespace

LogFormat::LogFormat(std::string_view format, Escape escape) : escape_(escape) {
  std::string text;
  while (!format.empty()) {
    const bool braced = format.starts_with("${");
    std::size_t begin = braced ? 2 : 1;
    std::size_t end = begin;
    if (format[0] == '$') {
      while (end < format.size() && is_name(format[end])) ++end;
    }
    const bool variable = end > begin && (!braced || (end < format.size() && format[end] == '}'));
    if (!variable) {
      text += format[0];
      format.remove_prefix(1);
      continue;
    }
    parts_.push_back({std::move(text), route::VariableName::parse(format.substr(begin, end - begin))});
    text.clear();
    format.remove_prefix(end + (braced ? 1 : 0));
  }
  parts_.push_back({text + "\n", {}});
}

void LogFormat::append(std::string& out, plugin::Request& request) const {
  for (const Part& part : parts_) {
    out += part.text;
    if (&part == &parts_.back()) return;
    const auto value = read(part.variable, request);
    if (value && !value->empty()) {
      append_value(out, *value);
    } else if (escape_ == Escape::kDefault) {
      out += '-';
    }
  }
}

void LogFormat::append_value(std::string& out, std::string_view value) const {
  if (escape_ == Escape::kNone) {
    out += value;
    return;
  }
  std::string cleaned;
  if (escape_ == Escape::kJson && !base::is_utf8(value)) {  // RFC 8259 8.1
    base::append_utf8(cleaned, value);
    value = cleaned;
  }
  const auto& plain = escape_ == Escape::kJson ? kPlainJson : kPlainDefault;
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (plain[static_cast<unsigned char>(value[i])]) continue;
    out.append(value.substr(done, i - done));
    done = i + 1;
    if (escape_ == Escape::kJson) {
      base::append_json_escape(out, value[i]);
    } else {
      const auto byte = static_cast<unsigned char>(value[i]);
      out += "\\x";
      out += kHexUpper[byte >> 4];
      out += kHexUpper[byte & 15];
    }
  }
  out.append(value.substr(done));
}

}  // namespace apisix::proxy
