// redirect: sends the client elsewhere: to a fixed URI with variables, to one made from its own by a regular
// expression, or to the same one by HTTPS.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/arena_text.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/format/regex.h"
#include "shared/format/schema.h"
#include "shared/http/uri.h"
#include "worker/plugin/chance.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/variables.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;
using std::string_view_literals::operator""sv;

// The texts of this plugin are older than templates: a name ends at a dot, there are no defaults, and a
// backslash that keeps no variable from being one disappears.
class UriText {
 public:
  explicit UriText(std::string_view text) {
    while (!text.empty()) text.remove_prefix(take_part(text));
  }

  std::string_view expand(plugin::Request& request) const {
    plugin::Variables variables(request);
    base::ArenaText out;
    for (const Part& part : parts_) {
      out.append(request.arena(), part.is_variable ? variables.read(part.name).value_or(""sv) : part.text);
    }
    return out.view();
  }
  bool begins_with_variable() const { return !parts_.empty() && parts_.front().is_variable; }
  bool needs_body() const {
    for (const Part& part : parts_) {
      if (part.is_variable && part.name.is_of_body()) return true;
    }
    return false;
  }

 private:
  struct Part {
    bool is_variable;
    std::string text;
    route::VariableName name;
  };

  static std::size_t name_end(std::string_view text, std::size_t from) {
    while (from < text.size() && (base::is_digit(text[from]) || text[from] == '_' ||
                                  (base::to_lower(text[from]) >= 'a' && base::to_lower(text[from]) <= 'z')))
      ++from;
    return from;
  }
  void add_text(std::string_view text) { parts_.push_back({false, std::string(text), {}}); }
  void add_variable(std::string_view name) { parts_.push_back({true, {}, route::VariableName::parse(name)}); }

  // Bytes that the part took.
  std::size_t take_part(std::string_view text) {
    if (text[0] == '\\') {
      const std::size_t end = text.size() > 1 && text[1] == '$' ? name_end(text, 2) : 0;
      if (end <= 2) return 1;
      add_text(text.substr(0, end));
      return end;
    }
    if (text[0] != '$') {
      const std::size_t end = std::min(text.find_first_of("$\\"), text.size());
      add_text(text.substr(0, end));
      return end;
    }
    const bool braced = text.size() > 1 && text[1] == '{';
    const std::size_t begin = braced ? 2 : 1;
    const std::size_t end = name_end(text, begin);
    if (end == begin || (braced && (end == text.size() || text[end] != '}'))) {
      add_text("$");
      return 1;
    }
    add_variable(text.substr(begin, end - begin));
    return braced ? end + 1 : end;
  }

  std::vector<Part> parts_;
};

// "/\\host" and "/<TAB>/host" are another host for a browser, as "//host" is (WHATWG URL 4.4). The path that
// a client sent has no "//" left, but may have these.
std::string_view on_this_host(std::string_view uri, base::Arena& arena) {
  if (uri.size() < 2 || uri[0] != '/' || (uri[1] != '\\' && uri[1] != '\t')) return uri;
  return arena.concat(uri[1] == '\t' ? "/%09"sv : "/%5C"sv, uri.substr(2));
}

class Redirect final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "redirect", .priority = 900};

  static base::Status check(const plugin::Conf& conf) {
    if (const auto pair = conf.list("regex_uri"); pair.size() == 2) {
      if (auto status = check_regex_uri(pair[0], pair[1]); !status) return status;
    }
    if (conf.flag("http_to_https") && conf.flag("append_query_string")) {
      return base::invalid("only one of `http_to_https` and `append_query_string` can be configured.");
    }
    return {};
  }

  Redirect(const plugin::Conf& conf, const plugin::BuildContext& context)
      : status_(conf.status("ret_code")),
        uri_(conf.text("uri")),
        has_uri_(conf.find_text("uri").has_value()),
        to_https_(conf.flag("http_to_https")),
        encodes_(conf.flag("encode_uri")),
        appends_query_(conf.flag("append_query_string")) {
    if (const auto pair = conf.list("regex_uri"); pair.size() == 2) {
      regex_.emplace(pair[0]);
      replacement_ = pair[1];
    }
    const Json& port = find_member(find_member(context.deps.plugin_attr, "redirect"), "https_port");
    if (port.isIntegral()) {
      https_ports_.push_back(format::clamped<int>(port, 1, 65'535));
    } else {
      https_ports_.assign(context.deps.tls_ports.begin(), context.deps.tls_ports.end());
    }
  }

  plugin::Step rewrite(plugin::Request& request) override {
    if (!request.body().is_read() && has_uri_ && uri_.needs_body()) return rewrite_with_body(request);
    return response(request);
  }

 private:
  static base::Status check_regex_uri(const std::string& pattern, std::string replacement) {
    if (format::is_secret_ref(pattern)) return {};
    if (format::is_secret_ref(replacement)) replacement.clear();
    const auto failed = [&](const base::Error& error) {
      return base::invalid("invalid regex_uri (" + pattern + ", " + replacement + "), err:" + error.what);
    };
    const auto regex = format::Regex::compile(pattern);
    if (!regex) return failed(regex.error());
    const auto tried = regex->replace_first("/fake_uri", replacement);
    if (!tried) return failed(tried.error());
    return {};
  }

  plugin::Step rewrite_with_body(plugin::Request& request) {
    co_await request.body().read_fields();
    co_return response(request);
  }

  plugin::Outcome response(plugin::Request& request) const {
    if (to_https_ && request.headers().find("X-Forwarded-Proto").value_or(request.scheme()) != "https") {
      const bool is_read = request.method() == "GET" || request.method() == "HEAD";
      return send(request, is_read ? 301 : 308, https_uri(request));
    }
    if (has_uri_) {
      const std::string_view uri = uri_.expand(request);
      return send(request, status_, uri_.begins_with_variable() ? on_this_host(uri, request.arena()) : uri);
    }
    const format::Regex* regex = regex_ ? regex_->get() : nullptr;
    if (regex == nullptr) return plugin::pass();
    const auto replaced = regex->replace_first(request.path(), replacement_, &request.regex_budget());
    if (!replaced) {
      plugin::log_error(request, "failed to substitute the uri:{} ({}) with {}, error:{}", request.path(),
                        regex_->pattern(), replacement_, replaced.error().what);
      return request.reject_page(500);
    }
    if (replaced->count == 0) return plugin::pass();
    return send(request, status_, on_this_host(request.arena().copy(replaced->text), request.arena()));
  }

  std::string_view https_uri(plugin::Request& request) const {
    static const UriText same("https://$host");
    static const UriText rest("$request_uri");
    const std::string_view origin = same.expand(request);
    const int port = https_ports_.empty() ? 443 : https_ports_[plugin::chance().below(https_ports_.size())];
    if (port == 443 || port <= 0 || port > 65535) return request.arena().concat(origin, rest.expand(request));
    return request.arena().concat(origin, ":"sv, std::to_string(port), rest.expand(request));
  }

  plugin::Outcome send(plugin::Request& request, std::uint16_t status, std::string_view uri) const {
    base::Arena& arena = request.arena();
    const std::size_t mark = std::min(uri.find('?'), uri.size());
    const bool has_query = mark < uri.size();
    if (encodes_) uri = arena.concat(http::escape_path(uri.substr(0, mark), arena), uri.substr(mark));
    if (appends_query_ && !request.query().text().empty())
      uri = arena.concat(uri, has_query ? "&"sv : "?"sv, request.query().text());
    request.response().set_header("Location", uri);
    return request.reject_page(status);
  }

  const std::uint16_t status_;
  const UriText uri_;
  const bool has_uri_;
  const bool to_https_;
  const bool encodes_;
  const bool appends_query_;
  std::optional<format::LazyRegex> regex_;
  std::string replacement_;
  std::vector<int> https_ports_;  // empty: 443
};

}  // namespace

const plugin::PluginKind& redirect = plugin::define<Redirect>();

}  // namespace apisix::plugins
