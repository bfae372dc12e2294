// cors: responds to preflight requests and tells browsers which origins may read responses. Origins come from
// a list, from regular expressions, or by name from the plugin's metadata.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/format/regex.h"
#include "worker/plugin/field_name.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

constexpr std::string_view kAny = "*";
constexpr std::string_view kForced = "**";
constexpr std::string_view kAllMethods = "GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS,CONNECT,TRACE";

// nullopt: the request has none, or the field is not to be sent.
using Origin = std::optional<std::string_view>;

// "*", "**", one origin, or several with commas.
class OriginList {
 public:
  OriginList() = default;
  explicit OriginList(std::string text) : text_(std::move(text)) {
    if (text_.find(',') == std::string::npos) return;
    for (const std::string_view one : base::split(text_, ',')) {
      if (!one.empty()) several_.emplace_back(one);
    }
    std::ranges::sort(several_);
  }

  const std::string& text() const { return text_; }
  // What the list holds against this origin; it is allowed if that is the same, or "*".
  Origin allowed_for(Origin origin) const {
    if (text_ == kForced) return origin.value_or(kAny);
    if (several_.empty()) return text_;
    if (origin && std::ranges::binary_search(several_, *origin, {},
                                             [](const std::string& one) { return std::string_view(one); }))
      return origin;
    return std::nullopt;
  }

 private:
  std::string text_;
  std::vector<std::string> several_;
};

bool allows(Origin allowed, Origin origin) {
  return allowed == origin || allowed == kAny;
}

// The lists that the metadata holds under the names that one configuration mentions; read again when it
// changes.
class MetadataOrigins {
 public:
  explicit MetadataOrigins(std::vector<std::string> names) : names_(std::move(names)) {}

  Origin allowed_for(plugin::Directory& directory, Origin origin) {
    refresh(directory);
    for (const OriginList& list : lists_) {
      if (allows(list.allowed_for(origin), origin)) return origin;
    }
    return std::nullopt;
  }

 private:
  void refresh(plugin::Directory& directory) {
    const auto metadata = directory.metadata("cors");
    if (metadata == seen_) return;
    seen_ = metadata;
    lists_.clear();
    if (!metadata) return;
    const Json& known = find_member(metadata->value, "allow_origins");
    for (const std::string& name : names_) {
      if (const Json& list = find_member(known, name); list.isString())
        lists_.emplace_back(format::string_of(list));
    }
  }

  const std::vector<std::string> names_;
  std::vector<OriginList> lists_;
  base::Ref<const plugin::Metadata> seen_;
};

class Cors final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "cors", .priority = 4000};

  static base::Status check(Json& conf, plugin::ConfScope scope) {
    if (scope == plugin::ConfScope::kMetadata) return {};
    if (format::is_true(find_member(conf, "allow_credential"))) {
      for (const char* name :
           {"allow_origins", "allow_methods", "allow_headers", "expose_headers", "timing_allow_origins"}) {
        if (find_member(conf, name) == Json("*"))
          return base::invalid("you can not set '*' for other option when 'allow_credential' is true");
      }
    }
    const plugin::Conf view(conf);
    if (auto status = view.check_regexes("allow_origins_by_regex"); !status) return status;
    return view.check_regexes("timing_allow_origins_by_regex");
  }

  Cors(const plugin::Conf& conf, const plugin::BuildContext& context)
      : directory_(context.deps.directory),
        origins_(conf.text("allow_origins")),
        methods_(conf.text("allow_methods")),
        headers_(conf.text("allow_headers")),
        expose_headers_(conf.text("expose_headers")),
        max_age_(format::to_json(conf.json("max_age"))),
        allow_credential_(conf.flag("allow_credential")) {
    if (methods_ == kForced) methods_ = kAllMethods;
    if (conf.has("allow_origins_by_regex")) regex_ = conf.regexes("allow_origins_by_regex", {});
    if (conf.has("allow_origins_by_metadata")) by_metadata_.emplace(conf.list("allow_origins_by_metadata"));
    if (const auto origins = conf.find_text("timing_allow_origins")) timing_origins_.emplace(*origins);
    if (conf.has("timing_allow_origins_by_regex"))
      timing_regex_ = conf.regexes("timing_allow_origins_by_regex", {});
  }

  plugin::Step rewrite(plugin::Request& request) override {
    // Remembered here: a plugin that runs later may change what goes to the upstream.
    if (const auto origin = request.headers().find(http::KnownHeader::kOrigin)) {
      State& state = request.state<State>(&kInfo);
      state.has_origin = true;
      state.origin = *origin;
    }
    if (request.method() != "OPTIONS") return plugin::pass();
    return request.reject(200, {}, {});
  }

  void header_filter(plugin::Request& request) override {
    const State* state = request.find_state<State>(&kInfo);
    const Origin origin = state != nullptr && state->has_origin ? Origin(state->origin) : std::nullopt;
    const Origin allowed = choose(origin, request.regex_budget());
    if (origins_.text() != kAny) request.response().add_header("Vary", "Origin");
    if (allowed) set_fields(request, *allowed);
    if (const Origin timing = choose_timing(origin, request.regex_budget()); timing && allows(timing, origin))
      request.response().set_header("Timing-Allow-Origin", *timing);
  }

 private:
  // Shared by all configurations that one request meets (global rule, route, consumer).
  struct State {
    std::string_view origin;
    bool has_origin = false;
  };

  // An origin about which the patterns gave up is not allowed.
  static Origin match(const format::LazyRegex& pattern, Origin origin, format::RegexBudget& budget) {
    const format::Regex* regex = pattern.get();
    const bool found = origin && regex != nullptr && regex->match(*origin, budget) == format::Match::kYes;
    return found ? origin : std::nullopt;
  }

  // Metadata first; then, unless the configured list is the default that allows all, what stands here.
  Origin choose(Origin origin, format::RegexBudget& budget) {
    if (by_metadata_) {
      const Origin allowed = by_metadata_->allowed_for(directory_, origin);
      if (allows(allowed, origin) || origins_.text() == kAny) return allowed;
    }
    const Origin allowed = regex_ ? match(*regex_, origin, budget) : origins_.allowed_for(origin);
    return allows(allowed, origin) ? allowed : std::nullopt;
  }

  Origin choose_timing(Origin origin, format::RegexBudget& budget) const {
    if (timing_regex_) return match(*timing_regex_, origin, budget);
    return timing_origins_ ? timing_origins_->allowed_for(origin) : std::nullopt;
  }

  struct Names {
    const plugin::FieldName origin{"Access-Control-Allow-Origin"};
    const plugin::FieldName methods{"Access-Control-Allow-Methods"};
    const plugin::FieldName headers{"Access-Control-Allow-Headers"};
    const plugin::FieldName exposed{"Access-Control-Expose-Headers"};
    const plugin::FieldName max_age{"Access-Control-Max-Age"};
    const plugin::FieldName credentials{"Access-Control-Allow-Credentials"};
  };

  void set_fields(plugin::Request& request, std::string_view allowed) const {
    static const Names names;
    plugin::Response response = request.response();
    response.set_header(names.origin, allowed);
    response.set_header(names.methods, methods_);
    response.set_header(names.max_age, max_age_);
    if (!expose_headers_.empty()) response.set_header(names.exposed, expose_headers_);
    response.set_header(names.headers, allowed_headers(request));
    if (allow_credential_) response.set_header(names.credentials, "true");
  }

  std::string_view allowed_headers(plugin::Request& request) const {
    if (headers_ != kForced) return headers_;
    return request.headers().find("Access-Control-Request-Headers").value_or(std::string_view());
  }

  plugin::Directory& directory_;
  const OriginList origins_;
  std::optional<format::LazyRegex> regex_;
  std::optional<MetadataOrigins> by_metadata_;
  std::optional<OriginList> timing_origins_;
  std::optional<format::LazyRegex> timing_regex_;
  std::string methods_;
  const std::string headers_;
  const std::string expose_headers_;
  const std::string max_age_;
  const bool allow_credential_;
};

}  // namespace

const plugin::PluginKind& cors = plugin::define<Cors>();

}  // namespace apisix::plugins
