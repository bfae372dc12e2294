#include "worker/diagnose/question.h"

#include <algorithm>
#include <array>

#include "shared/base/text.h"
#include "shared/format/read.h"

namespace apisix::diagnose {
namespace {

using format::find_member;
using format::Json;
using std::string_view_literals::operator""sv;

constexpr std::string_view kLocal = "127.0.0.1";

// Nothing that would be another line of the head.
bool is_one_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

base::Result<std::string> text_member(const Json& json, const char* name, std::string_view missing) {
  const Json& value = find_member(json, name);
  if (value.isNull()) return std::string(missing);
  if (!value.isString()) return base::invalid(std::string(name) + " is not a string");
  return format::string_of(value);
}

base::Result<std::string> line_member(const Json& json, const char* name, std::string_view missing) {
  auto text = text_member(json, name, missing);
  if (text && !is_one_line(*text)) return base::invalid(std::string(name) + " has a line break or NUL in it");
  return text;
}

base::Status take_authority(std::string_view authority, Question& question) {
  if (authority.empty()) return base::invalid("url has no host");
  question.host = authority;
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(']', colon) != std::string_view::npos) return {};
  const auto port = base::parse_integer<std::uint16_t>(authority.substr(colon + 1));
  if (!port || *port == 0) return base::invalid("url has a bad port");
  question.port = *port;
  return {};
}

base::Status take_url(std::string_view url, Question& question) {
  if (url.empty()) return base::invalid("url is missing");
  if (url.starts_with('/') || url == "*") {
    question.target = url;
    return {};
  }
  const auto scheme_end = url.find("://");
  const std::string scheme = base::to_lower(url.substr(0, scheme_end));
  if (scheme_end == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return base::invalid("url is neither a path nor http:// nor https://");
  }
  question.is_tls = scheme == "https";
  url.remove_prefix(scheme_end + 3);
  url = url.substr(0, url.find('#'));
  const auto path = url.find_first_of("/?");
  if (auto taken = take_authority(url.substr(0, path), question); !taken) return taken;
  question.target = path == std::string_view::npos ? "/" : url.substr(path);
  if (question.target.starts_with('?')) question.target.insert(0, 1, '/');
  return {};
}

base::Status take_header(const std::string& name, const Json& value, Question& question) {
  if (!value.isString() || !is_one_line(name) || !is_one_line(format::string_of(value))) {
    return base::invalid("headers: " + name + " is not a text of one line");
  }
  if (question.headers.size() == kQuestionHeadersMax) {
    return base::invalid("headers: more than " + std::to_string(kQuestionHeadersMax));
  }
  question.headers.emplace_back(name, format::string_of(value));
  return {};
}

base::Status take_headers(const Json& headers, Question& question) {
  if (headers.isNull()) return {};
  if (!headers.isObject()) return base::invalid("headers is not an object");
  for (const std::string& name : headers.getMemberNames()) {
    const Json& value = headers[name];
    if (!value.isArray()) {
      if (auto taken = take_header(name, value, question); !taken) return taken;
    }
    for (unsigned i = 0; value.isArray() && i < value.size(); ++i) {
      if (auto taken = take_header(name, value[i], question); !taken) return taken;
    }
  }
  return {};
}

base::Status check_members(const Json& json) {
  constexpr std::array kKnown = {"url"sv, "method"sv, "headers"sv, "client_ip"sv, "consumer"sv, "body"sv};
  if (!json.isObject()) return base::invalid("the body is not a JSON object");
  for (const std::string& name : json.getMemberNames()) {
    if (std::ranges::find(kKnown, name) == kKnown.end())
      return base::invalid("unknown member \"" + name + "\"");
  }
  return {};
}

}  // namespace

base::Result<Question> Question::parse(const Json& json) {
  Question out;
  if (auto known = check_members(json); !known) return std::unexpected(known.error());
  const auto url = line_member(json, "url", "");
  if (!url) return std::unexpected(url.error());
  if (auto taken = take_url(*url, out); !taken) return std::unexpected(taken.error());
  auto method = line_member(json, "method", "GET");
  if (!method) return std::unexpected(method.error());
  out.method = std::move(*method);
  if (auto taken = take_headers(find_member(json, "headers"), out); !taken) {
    return std::unexpected(taken.error());
  }
  const auto client = text_member(json, "client_ip", kLocal);
  if (!client) return std::unexpected(client.error());
  const auto address = base::IpAddress::parse(*client);
  if (!address) return base::invalid("client_ip is no address");
  out.client_ip = *address;
  auto consumer = text_member(json, "consumer", "");
  if (!consumer) return std::unexpected(consumer.error());
  out.consumer = std::move(*consumer);
  auto body = text_member(json, "body", "");
  if (!body) return std::unexpected(body.error());
  out.body = std::move(*body);
  return out;
}

std::string Question::head() const {
  const auto has = [this](std::string_view name) {
    return std::ranges::any_of(
        headers, [name](const auto& field) { return base::equals_ignore_case(field.first, name); });
  };
  std::string out = method + " " + target + " HTTP/1.1\r\n";
  if (!has("host")) out += "Host: " + (host.empty() ? std::string("localhost") : host) + "\r\n";
  for (const auto& [name, value] : headers) out += name + ": " + value + "\r\n";
  if (!body.empty() && !has("content-length") && !has("transfer-encoding")) {
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return out + "\r\n";
}

}  // namespace apisix::diagnose
