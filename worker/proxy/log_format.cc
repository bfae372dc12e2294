#include "worker/proxy/log_format.h"

#include <algorithm>
#include <array>

#include "shared/base/json_escape.h"
#include "shared/base/text.h"
#include "shared/base/utf8.h"
#include "shared/http/uri.h"
#include "worker/plugin/log_text.h"
#include "worker/plugin/variables.h"

namespace apisix::proxy {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

constexpr std::array<bool, 256> make_plain_json() {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 256; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlainJson = make_plain_json();

// What nginx makes of a quoted text in nginx.conf, where APISIX writes the format.
std::string without_escapes(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char next = format[i] == '\\' && i + 1 < format.size() ? format[i + 1] : '\0';
    switch (next) {
      case '"':
      case '\'':
      case '\\':
        out += next;
        break;
      case 't':
        out += '\t';
        break;
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      default:
        out += format[i];
        continue;
    }
    ++i;
  }
  return out;
}

// nginx's variables that have no meaning here, and those of its modules that name no feature of a gateway:
// they are known, and unset.
constexpr std::string_view kUnsetVariables[] = {"ancient_browser",
                                                "connections_active",
                                                "connections_reading",
                                                "connections_waiting",
                                                "connections_writing",
                                                "ctx_ref",
                                                "date_gmt",
                                                "date_local",
                                                "document_root",
                                                "dubbo_method",
                                                "dubbo_service_name",
                                                "dubbo_service_version",
                                                "fastcgi_path_info",
                                                "fastcgi_script_name",
                                                "gzip_ratio",
                                                "invalid_referer",
                                                "limit_conn_status",
                                                "limit_rate",
                                                "limit_req_status",
                                                "memcached_key",
                                                "modern_browser",
                                                "msie",
                                                "proxy_host",
                                                "proxy_internal_body_length",
                                                "proxy_internal_chunked",
                                                "proxy_port",
                                                "realpath_root",
                                                "request_body_file",
                                                "request_filename",
                                                "secure_link",
                                                "secure_link_expires",
                                                "slice_range",
                                                "uid_got",
                                                "uid_reset",
                                                "uid_set",
                                                "upstream_last_server_name",
                                                "upstream_sni",
                                                "wasm_process_req_body",
                                                "wasm_process_resp_body"};
constexpr std::string_view kFamilies[] = {"proxy_protocol_tlv_"};  // (plugin::Variables)
// What plugins of the catalogue leave under a name of their own.
constexpr std::string_view kPluginVariables[] = {"jwt_auth_payload"};

bool is_known(const route::VariableName& name) {
  if (name.kind != route::VariableKind::kUnknown) return true;
  const std::string lowered = base::to_lower(name.detail);  // as nginx looks names up
  const auto is_it = [&lowered](std::string_view known) { return lowered == known; };
  const auto begins_it = [&lowered](std::string_view family) { return lowered.starts_with(family); };
  return std::ranges::any_of(kUnsetVariables, is_it) || std::ranges::any_of(kPluginVariables, is_it) ||
         std::ranges::any_of(kFamilies, begins_it);
}

// What nginx logs, not what APISIX's plugins see: raw, the name compared as it was sent but in any case, and
// only with a '=' (ngx_http_arg).
std::optional<std::string_view> raw_arg(std::string_view query, std::string_view name) {
  while (const auto arg = http::next_arg(query)) {
    if (arg->has_value && base::equals_ignore_case(arg->name, name)) return arg->value;
  }
  return std::nullopt;
}

std::optional<std::string_view> read(const route::VariableName& name, plugin::RequestState& request) {
  if (name.kind == route::VariableKind::kArg) return raw_arg(request.target.args, name.detail);
  if (name.kind == route::VariableKind::kUri && !request.target.rewritten.empty())
    return request.target.rewritten;
  return plugin::Variables(request).read(name);
}

}  // namespace

LogFormat::LogFormat(std::string_view configured, Escape escape) : escape_(escape) {
  const std::string unescaped = without_escapes(configured);
  std::string_view format = unescaped;
  std::string text;
  while (!format.empty()) {
    if (format.starts_with("$$")) {  // a dollar; nginx has no way to write one
      text += '$';
      format.remove_prefix(2);
      continue;
    }
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

std::optional<std::string> LogFormat::find_unknown_variable() const {
  for (const Part& part : parts_) {
    if (&part != &parts_.back() && !is_known(part.variable)) return part.variable.detail;
  }
  return std::nullopt;
}

void LogFormat::append(std::string& out, plugin::RequestState& request) const {
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
  if (escape_ == Escape::kDefault) return plugin::append_escaped(out, value);
  if (escape_ == Escape::kNone) {
    out += value;
    return;
  }
  std::string cleaned;
  if (escape_ == Escape::kJson && !base::is_utf8(value)) {  // RFC 8259 8.1
    base::append_utf8(cleaned, value);
    value = cleaned;
  }
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (kPlainJson[static_cast<unsigned char>(value[i])]) continue;
    out.append(value.substr(done, i - done));
    done = i + 1;
    base::append_json_escape(out, value[i]);
  }
  out.append(value.substr(done));
}

}  // namespace apisix::proxy
