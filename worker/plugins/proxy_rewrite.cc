// proxy-rewrite: another target, method, host and header fields for the upstream than the client sent. What
// goes into the request line is escaped here: a variable or a capture that a client filled with line ends or
// spaces stays inside its place.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "shared/format/read.h"
#include "shared/format/regex.h"
#include "shared/format/schema.h"
#include "shared/http/uri.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/template.h"
#include "worker/plugins/header_edits.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;
using plugin::Template;
using std::string_view_literals::operator""sv;

using Captures = std::array<std::string_view, format::Regex::kGroupsMax + 1>;

base::Status check_regex_uri(const Json& pairs) {
  if (!pairs.isArray()) return {};
  if (pairs.size() % 2 != 0) return base::invalid("The length of regex_uri should be an even number");
  for (Json::ArrayIndex i = 0; i < pairs.size(); i += 2) {
    const std::string pattern = format::string_of(pairs[i]);
    std::string replacement = format::string_of(pairs[i + 1]);
    if (format::is_secret_ref(pattern)) continue;
    if (format::is_secret_ref(replacement)) replacement.clear();
    const auto failed = [&](const base::Error& error) {
      return base::invalid("invalid regex_uri(" + pattern + ", " + replacement + "): " + error.what);
    };
    const auto regex = format::Regex::compile(pattern);
    if (!regex) return failed(regex.error());
    const auto tried = regex->replace_first("/fake_uri", replacement);
    if (!tried) return failed(tried.error());
  }
  return {};
}

// The old form, in which every member is a field to set.
base::Status check_request_headers(const Json& headers) {
  if (!headers.isObject() || HeaderEdits::is_in_parts(headers)) return {};
  for (auto field = headers.begin(); field != headers.end(); ++field) {
    const std::string name = field.name();
    if (!field->isString() && !field->isNumeric()) return base::invalid("invalid type as header value");
    if (name.empty()) return base::invalid("invalid field length in header");
    for (const char c : name) {
      if (c <= ' ' || c == '\x7f' || c == ':') return base::invalid("invalid field character in header");
    }
    for (const char c : plugin::text_of(*field)) {
      if (c < ' ' || c == '\x7f') return base::invalid("invalid value character in header");
    }
  }
  return {};
}

// In one allocation; the text itself when the character is not there.
std::string_view escape_character(std::string_view text, char character, std::string_view escaped,
                                  base::Arena& arena) {
  const auto count = static_cast<std::size_t>(std::ranges::count(text, character));
  if (count == 0) return text;
  const std::size_t size = text.size() + count * (escaped.size() - 1);
  char* const out = arena.text(size);
  char* at = out;
  for (const char c : text) {
    if (c == character) {
      at = std::ranges::copy(escaped, at).out;
    } else {
      *at++ = c;
    }
  }
  return {out, size};
}

// Keeps ? & = and everything that is escaped already, but can neither end nor split the request line.
std::string_view one_word(std::string_view text, base::Arena& arena) {
  text = http::escape_control(text, arena);
  return escape_character(text, ' ', "%20", arena);
}

// A '?' of the client's, decoded from %3F, must not begin a query.
std::string_view escape_question_mark(std::string_view value, base::Arena& arena) {
  return escape_character(value, '?', "%3F", arena);
}

std::string_view join_query(std::string_view target, std::string_view query, base::Arena& arena) {
  if (query.empty()) return target;
  const std::string_view mark = target.find('?') == std::string_view::npos ? "?"sv : "&"sv;
  return arena.concat(target, mark, query);
}

class ProxyRewrite final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "proxy-rewrite", .priority = 1008};

  static base::Status check(const plugin::Conf& conf) {
    if (auto status = check_regex_uri(conf.json("regex_uri")); !status) return status;
    return check_request_headers(conf.json("headers"));
  }

  explicit ProxyRewrite(const plugin::Conf& conf)
      : has_uri_(conf.find_text("uri").has_value()),
        uri_(conf.text("uri")),
        method_(conf.text("method")),
        host_(conf.text("host")),
        unsafe_(conf.flag("use_real_request_uri_unsafe")) {
    const auto pairs = conf.list("regex_uri");
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      patterns_.push_back({format::LazyRegex(pairs[i]), pairs[i + 1]});
    }
    read_headers(conf.json("headers"));
    needs_body_ = uri_.needs_body() || headers_.needs_body();
  }

  plugin::Step rewrite(plugin::Request& request) override {
    if (needs_body_ && !request.body().is_read()) return rewrite_with_body(request);
    return apply(request);
  }

 private:
  struct Pattern {
    format::LazyRegex regex;
    std::string replacement;
  };

  void read_headers(const Json& headers) {
    constexpr auto kNumbered = Template::Captures::kNumbered;
    if (!headers.isObject()) return;
    if (!HeaderEdits::is_in_parts(headers)) return headers_.set(headers, kNumbered);
    headers_.add(find_member(headers, "add"), kNumbered);
    headers_.set(find_member(headers, "set"), kNumbered);
    headers_.remove(find_member(headers, "remove"));
  }

  plugin::Step rewrite_with_body(plugin::Request& request) {
    co_await request.body().read_fields();
    co_return apply(request);
  }

  plugin::Outcome apply(plugin::Request& request) {
    Captures captures;
    std::size_t captured = 0;
    const std::uint32_t gave_up = request.regex_budget().gave_up();
    if (!host_.empty()) request.headers().set("Host", host_);
    if (unsafe_) {
      request.upstream().set_target(unsafe_target(request, captures, captured));
    } else {
      const auto target = safe_target(request, captures, captured);
      request.upstream().set_rewritten(target);
      request.upstream().set_target(join_query(target, request.query().text(), request.arena()));
    }
    // As APISIX: the path must not reach the upstream as a rewrite that was not finished leaves it.
    if (request.regex_budget().gave_up() != gave_up) return request.reject_page(503);
    headers_.apply_to_request(request, {captures.data(), captured});
    if (!method_.empty()) request.upstream().set_method(request.arena().copy(method_));
    return plugin::pass();
  }

  // The client's own bytes, not normalised: what was matched and what is forwarded may differ.
  std::string_view unsafe_target(plugin::Request& request, Captures& captures, std::size_t& captured) {
    base::Arena& arena = request.arena();
    std::string_view target = request.raw_path_and_query();
    if (has_uri_) {
      const std::size_t mark = target.find('?');
      const std::string_view query = mark != target.npos ? target.substr(mark) : std::string_view();
      target = uri_.expand(request, {.captures = {}, .escape = &escape_question_mark}).text;
      if (!query.empty() && target.find('?') != std::string_view::npos) {
        target = arena.concat(target, "&"sv, query.substr(1));
      } else {
        target = arena.concat(target, query);
      }
    } else {
      target = substitute(request, target, captures, captured);
    }
    return rooted(one_word(target, arena), arena);
  }

  // The normalised path, escaped again, and the query that the configuration brings.
  std::string_view safe_target(plugin::Request& request, Captures& captures, std::size_t& captured) {
    base::Arena& arena = request.arena();
    std::string_view target = request.path();
    bool may_have_query = false;
    if (has_uri_) {
      may_have_query = true;
      target = uri_.expand(request, {.captures = {}, .escape = &escape_question_mark}).text;
    } else if (!patterns_.empty()) {
      // With a '?' in the client's path the configuration's could not be found.
      may_have_query = target.find('?') == std::string_view::npos;
      target = substitute(request, target, captures, captured);
    }
    const std::size_t mark = may_have_query ? target.find('?') : std::string_view::npos;
    if (mark == std::string_view::npos) return rooted(http::escape_path(target, arena), arena);
    return rooted(
        arena.concat(http::escape_path(target.substr(0, mark), arena), one_word(target.substr(mark), arena)),
        arena);
  }

  // The first pattern that matches.
  std::string_view substitute(plugin::Request& request, std::string_view target, Captures& captures,
                              std::size_t& captured) {
    for (const Pattern& pattern : patterns_) {
      const format::Regex* regex = pattern.regex.get();
      if (regex == nullptr) continue;
      const format::Match match = regex->search(target, captures, request.regex_budget());
      if (match == format::Match::kGaveUp) return target;
      if (match == format::Match::kNo) continue;
      captured = captures.size();
      auto replaced = regex->replace_first(target, pattern.replacement, &request.regex_budget());
      if (replaced) return request.arena().copy(replaced->text);
      plugin::log_error(request, "failed to substitute the uri {} ({}) with {} : {}", target,
                        pattern.regex.pattern(), pattern.replacement, replaced.error().what);
      return target;
    }
    return target;
  }

  static std::string_view rooted(std::string_view target, base::Arena& arena) {
    return target.starts_with('/') || target == "*" ? arena.copy(target) : arena.concat("/"sv, target);
  }

  const bool has_uri_;
  const Template uri_;
  std::vector<Pattern> patterns_;
  const std::string method_;
  const std::string host_;
  HeaderEdits headers_;
  const bool unsafe_;
  bool needs_body_ = false;
};

}  // namespace

const plugin::PluginKind& proxy_rewrite = plugin::define<ProxyRewrite>();

}  // namespace apisix::plugins
