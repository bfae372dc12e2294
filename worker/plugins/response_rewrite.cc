// response-rewrite: another status, body and header fields for the client, or regular expressions applied to
// the body. For those the body is held until it is whole, at most max_resp_body_size bytes of it and within
// the worker's budget. Decoding, filtering and letting out take one slice of it in a turn of the loop.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/base64.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/format/regex.h"
#include "shared/format/schema.h"
#include "worker/plugin/condition.h"
#include "worker/plugin/held_text.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/variables.h"
#include "worker/plugins/body_decoder.h"
#include "worker/plugins/header_edits.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;
using std::string_view_literals::operator""sv;

base::Status check_flat_headers(const Json& headers) {
  if (!headers.isObject() || HeaderEdits::is_in_parts(headers)) return {};
  for (auto field = headers.begin(); field != headers.end(); ++field) {
    if (!field->isString() && !field->isNumeric()) return base::invalid("invalid type as header value");
    if (field.name().empty()) return base::invalid("invalid field length in header");
  }
  return {};
}

base::Status check_filters(const Json& filters) {
  for (const Json& filter : filters) {
    const std::string pattern = format::string_of(find_member(filter, "regex"));
    const auto options = format::RegexOptions::parse(format::string_of(find_member(filter, "options")));
    const auto failed = [&pattern](const base::Error& error) {
      return base::invalid("regex \"" + pattern + "\" validation failed: " + error.what);
    };
    if (!options) return failed(options.error());
    if (const auto regex = format::Regex::compile(pattern, *options); !regex) return failed(regex.error());
  }
  return {};
}

// "name: value"; nothing for a line that is not of this form.
struct Line {
  std::string name;
  std::string value;
};
std::optional<Line> parse_line(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view name = text.substr(0, colon);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
  const std::string_view value = base::trim(text.substr(colon + 1));
  if (name.empty() || name.find_first_of(" \t") != std::string_view::npos) return std::nullopt;
  if (value.find(':') != std::string_view::npos) return std::nullopt;
  return Line{std::string(name), std::string(value)};
}

struct BodyFilter {
  format::LazyRegex regex;
  std::string replacement;
  bool all = false;
};

constexpr std::size_t kStepBytes = 16 * 1024;  // that a decoder makes at a time

// The body that is held for the filters.
struct Held {
  enum class State : std::uint8_t { kGathering, kFiltering, kLettingOut };

  plugin::BodyBudget::Charge charge;
  plugin::Request* request = nullptr;    // whose response it is
  plugin::HeldText gathered;             // as it was before the filters
  std::string coded;                     // came, and is not decoded yet
  std::unique_ptr<BodyDecoder> decoder;  // null: the body is not coded
  std::string changed;                   // by a filter
  std::size_t filters_run = 0;
  std::size_t bytes_out = 0;
  State state = State::kGathering;
  bool any = false;         // something came
  bool is_changed = false;  // `changed` counts instead of `gathered`

  std::string_view text() const { return is_changed ? changed : gathered.view(); }
};

class ResponseRewrite final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "response-rewrite", .priority = 899};

  static base::Status check(const plugin::Conf& conf) {
    if (auto status = check_flat_headers(conf.json("headers")); !status) return status;
    const std::string text = conf.text("body");
    if (conf.flag("body_base64") && !format::is_secret_ref(text)) {
      if (text.empty() || !base::decode_base64(text)) return base::invalid("invalid base64 content");
    }
    if (const Json& vars = conf.json("vars"); vars.isArray()) {
      if (const auto condition = plugin::Condition::compile(vars); !condition)
        return base::invalid("failed to validate the 'vars' expression: " + condition.error().what);
    }
    return check_filters(conf.json("filters"));
  }

  explicit ResponseRewrite(const plugin::Conf& conf)
      : status_(conf.number<std::uint16_t>("status_code")), body_bytes_max_(body_bytes_max(conf)) {
    if (const Json& vars = conf.json("vars"); vars.isArray()) {
      if (auto condition = plugin::Condition::compile(vars)) condition_ = std::move(*condition);
    }
    read_headers(conf.json("headers"));
    body_ = conf.find_text("body");
    if (body_ && conf.flag("body_base64")) body_ = base::decode_base64(*body_).value_or(*body_);
    for (const plugin::Conf& filter : conf.items("filters")) add_filter(filter);
  }

  void header_filter(plugin::Request& request) override {
    plugin::Variables variables(request);
    if (condition_ && !condition_->evaluate(variables)) return;
    State& state = request.state<State>(this);
    state.matched = true;
    if (status_ != 0) request.response().set_status(status_);
    if (!filters_.empty()) {
      state.filters = begin_filters(request);
    } else if (body_) {
      request.response().will_change_body();
    }
    headers_.apply_to_response(request);
  }

  void body_filter(plugin::Request& request, plugin::Body& body) override {
    const State* state = request.find_state<State>(this);
    if (state == nullptr || !state->matched) return;
    if (state->filters) {
      Held& held = request.kept<Held>(this);
      held.request = &request;
      if (!go_on(held, body)) body.break_off();
    } else if (body_) {
      body.replace(*body_);
      body.finish();
    }
  }

 private:
  static std::size_t body_bytes_max(const plugin::Conf& conf) {
    constexpr std::size_t kDefault = 64 * 1024 * 1024;
    return format::integer_of<std::size_t>(conf.json("max_resp_body_size")).value_or(kDefault);
  }

  struct State {
    bool matched = false;
    bool filters = false;
  };

  void read_headers(const Json& headers) {
    constexpr auto kNone = plugin::Template::Captures::kNone;
    if (!headers.isObject()) return;
    if (!HeaderEdits::is_in_parts(headers)) return headers_.set(headers, kNone);
    HeaderEdits edits;
    for (const Json& text : find_member(headers, "add")) {
      auto line = parse_line(format::string_of(text));
      if (!line) {  // as in APISIX none of the edits is made then
        base::log_error("failed to create header operation: \"{}\" is no header field",
                        format::string_of(text));
        return;
      }
      edits.add(std::move(line->name), std::move(line->value));
    }
    edits.set(find_member(headers, "set"), kNone);
    edits.remove(find_member(headers, "remove"));
    headers_ = std::move(edits);
  }

  void add_filter(const plugin::Conf& filter) {
    const auto options = format::RegexOptions::parse(filter.text("options"));
    filters_.push_back({format::LazyRegex(filter.text("regex"), options.value_or(format::RegexOptions{})),
                        filter.text("replace"), filter.text("scope") == "global"});
  }

  // False: the body is in an unknown coding; it stays as it is, Content-Encoding too.
  bool begin_filters(plugin::Request& request) const {
    const http::HeaderField* field = request.response().headers().find(http::KnownHeader::kContentEncoding);
    std::unique_ptr<BodyDecoder> decoder;
    if (field != nullptr && !base::equals_ignore_case(field->value, "identity")) {
      decoder = BodyDecoder::make(field->value);
      if (decoder == nullptr) {
        plugin::log_error(request,
                          "filters may not work as expected due to unsupported compression encoding type: {}",
                          field->value);
        return false;
      }
    }
    request.response().will_change_body();
    request.response().will_hold_body();
    request.kept<Held>(this).decoder = std::move(decoder);
    return true;
  }

  // One slice of what there is to do. False: what goes out would not be what the upstream meant, or the
  // worker may not hold it.
  bool go_on(Held& held, plugin::Body& body) const {
    switch (held.state) {
      case Held::State::kGathering:
        return gather(held, body);
      case Held::State::kFiltering:
        return run_filter(held, body);
      case Held::State::kLettingOut:
        break;
    }
    let_out(held, body);
    return true;
  }

  bool gather(Held& held, plugin::Body& body) const {
    if (!held.any) held.charge = plugin::BodyBudget::Charge(body.budget());
    held.any |= !body.data().empty();
    Gathered gathered = Gathered::kMore;
    if (held.decoder != nullptr) {
      held.coded.append(body.data());
      gathered = decode(held);
    } else if (!add(held, body.data())) {
      gathered = Gathered::kFull;
    }
    body.output();
    if (!held.charge.set(held.gathered.size() + held.coded.size())) return false;
    switch (gathered) {
      case Gathered::kBroken:
        return false;
      case Gathered::kSliceDone:
        body.again();
        return true;
      case Gathered::kMore:
        if (!body.last()) return true;
        if (held.any && held.decoder != nullptr && !held.decoder->is_complete()) {
          plugin::log_error(*held.request, "filters may not work as expected: the coded body ends too early");
          return false;
        }
        break;
      case Gathered::kFull:
        plugin::log_warn(*held.request,
                         "response-rewrite: a body is cut off after max_resp_body_size ({} bytes)",
                         body_bytes_max_);
        break;
    }
    std::string().swap(held.coded);
    held.decoder.reset();
    held.state = Held::State::kFiltering;
    if (held.gathered.size() <= plugin::kBodySliceBytes) return run_filter(held, body);
    body.again();
    return true;
  }

  enum class Gathered : std::uint8_t { kMore, kSliceDone, kFull, kBroken };

  // False: only the part that may be held.
  bool add(Held& held, std::string_view bytes) const {
    const std::size_t room = body_bytes_max_ - held.gathered.size();
    held.gathered.append(bytes.substr(0, room));
    return bytes.size() <= room;
  }

  // One slice of the loop's turn, in steps.
  Gathered decode(Held& held) const {
    Gathered gathered = Gathered::kSliceDone;
    for (std::size_t done = 0; done < plugin::kBodySliceBytes; done += kStepBytes) {
      gathered = decode_step(held);
      if (gathered != Gathered::kSliceDone) break;
    }
    return gathered;
  }

  // One byte beyond the limit shows whether there is more.
  Gathered decode_step(Held& held) const {
    std::string step;
    std::string_view rest = held.coded;
    const std::size_t room = std::min(kStepBytes, body_bytes_max_ - held.gathered.size()) + 1;
    const BodyDecoder::Result result = held.decoder->decode(rest, room, step);
    switch (result) {
      case BodyDecoder::Result::kBroken:
        plugin::log_error(*held.request, "filters may not work as expected: the coded body is damaged");
        return Gathered::kBroken;
      case BodyDecoder::Result::kNotCoded:
        plugin::log_error(*held.request,
                          "filters may not work as expected: the body is not in the coding that it claims");
        held.decoder.reset();
        step = std::move(held.coded);
        held.coded.clear();
        return add(held, step) ? Gathered::kMore : Gathered::kFull;
      case BodyDecoder::Result::kGood:
      case BodyDecoder::Result::kFull:
        break;
    }
    held.coded.erase(0, held.coded.size() - rest.size());
    if (!add(held, step)) return Gathered::kFull;
    return result == BodyDecoder::Result::kFull ? Gathered::kSliceDone : Gathered::kMore;
  }

  // A short body goes through all filters at once; of a long one, one filter makes a slice.
  bool run_filter(Held& held, plugin::Body& body) const {
    while (held.filters_run < filters_.size()) {
      if (!substitute(filters_[held.filters_run++], held)) return false;
      if (held.text().size() > plugin::kBodySliceBytes && held.filters_run < filters_.size()) {
        body.output();
        body.again();
        return true;
      }
    }
    held.state = Held::State::kLettingOut;
    let_out(held, body);
    return true;
  }

  // False: there is no room for the text before and after the substitution.
  bool substitute(const BodyFilter& filter, Held& held) const {
    const format::Regex* regex = filter.regex.get();
    const std::string_view text = held.text();
    if (regex == nullptr || !regex->matches(text)) return true;
    const std::size_t bytes_before = held.charge.bytes();
    if (!held.charge.set(bytes_before + text.size())) return false;
    auto replaced = filter.all ? regex->replace_all(text, filter.replacement)
                               : regex->replace_first(text, filter.replacement);
    if (!replaced) {
      plugin::log_error(*held.request, "regex \"{}\" substitutes failed:{}", filter.regex.pattern(),
                        replaced.error().what);
      return held.charge.set(bytes_before);
    }
    held.changed = std::move(replaced->text);
    held.is_changed = true;
    held.gathered.clear();
    return held.charge.set(held.changed.size());
  }

  static void let_out(Held& held, plugin::Body& body) {
    const std::string_view rest = held.text().substr(held.bytes_out);
    body.replace(rest.substr(0, plugin::kBodySliceBytes));
    if (rest.size() > plugin::kBodySliceBytes) {
      held.bytes_out += plugin::kBodySliceBytes;
      return body.again();
    }
    body.finish();
    held.gathered.clear();
    std::string().swap(held.changed);
    held.charge.set(0);
  }

  std::optional<plugin::Condition> condition_;
  HeaderEdits headers_;
  std::optional<std::string> body_;
  std::vector<BodyFilter> filters_;
  const std::uint16_t status_;  // 0: as it is
  const std::size_t body_bytes_max_;
};

}  // namespace

const plugin::PluginKind& response_rewrite = plugin::define<ResponseRewrite>();

}  // namespace apisix::plugins
