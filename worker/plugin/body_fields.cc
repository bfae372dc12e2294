#include "worker/plugin/body_fields.h"

#include <algorithm>
#include <vector>

#include "shared/base/log.h"
#include "shared/base/log_interval.h"
#include "shared/base/text.h"
#include "shared/format/json_count.h"
#include "shared/format/json_path.h"
#include "shared/format/read.h"
#include "worker/limits.h"

namespace apisix::plugin {
namespace {

using format::Json;

// RFC 2046 5.1.1. Every byte of the body may be compared with all of it.
constexpr std::size_t kBoundaryBytesMax = 70;

// Of this worker, which is one thread.
struct ParsedBodies {
  std::size_t values = 0;
  std::uint64_t gave_up = 0;
  base::LogInterval log_interval;

  void count_gave_up(std::string_view why) {
    ++gave_up;
    if (!log_interval.is_due()) return;
    base::log_warn(
        "the fields of a request body are unset, and conditions on them do not hold: {}; {} so far", why,
        gave_up);
  }
};

ParsedBodies& parsed_bodies() {
  static thread_local ParsedBodies instance;
  return instance;
}

// The value's own and all below it; stops counting at `most`.
std::size_t count_values(const Json& value, std::size_t most) {
  std::vector<const Json*> pending{&value};
  std::size_t count = 0;
  while (!pending.empty() && count < most) {
    const Json& next = *pending.back();
    pending.pop_back();
    ++count;
    if (!next.isArray() && !next.isObject()) continue;
    for (const Json& member : next) pending.push_back(&member);
  }
  return count;
}

void add_field(Json& fields, const std::string& name, const std::string& value) {
  Json& known = fields[name];
  if (known.isNull()) {
    known = value;
  } else if (known.isArray()) {
    known.append(value);
  } else {
    Json both(::Json::arrayValue);
    both.append(known);
    both.append(value);
    known = both;
  }
}

Json parse_form(std::string_view bytes) {
  Json fields(::Json::objectValue);
  base::Arena arena;
  for (const http::QueryArg& arg : http::decode_args(bytes, arena, limits::kFormFieldsMax)) {
    add_field(fields, std::string(arg.name), std::string(arg.value));
  }
  return fields;
}

// A parameter of a header value: name="x" or name=x.
std::string parameter(std::string_view value, std::string_view name) {
  for (std::string_view part : base::split(value, ';')) {
    part = base::trim(part);
    if (part.size() <= name.size() || part[name.size()] != '=') continue;
    if (!base::equals_ignore_case(part.substr(0, name.size()), name)) continue;
    part.remove_prefix(name.size() + 1);
    if (part.size() >= 2 && part.front() == '"' && part.back() == '"') part = part.substr(1, part.size() - 2);
    return std::string(part);
  }
  return {};
}

// Header lines and what stands behind the empty line after them. Lines may end with LF alone, as APISIX reads
// them.
struct Part {
  std::string_view head;
  std::string_view content;
};

std::optional<Part> split_part(std::string_view part) {
  if (part.starts_with('\r')) part.remove_prefix(1);
  if (part.starts_with('\n')) part.remove_prefix(1);
  const auto crlf = part.find("\r\n\r\n");
  const auto lf = part.find("\n\n");
  if (crlf == part.npos && lf == part.npos) return std::nullopt;
  Part out = crlf < lf ? Part{part.substr(0, crlf), part.substr(crlf + 4)}
                       : Part{part.substr(0, lf), part.substr(lf + 2)};
  if (out.content.ends_with('\n')) out.content.remove_suffix(1);
  if (out.content.ends_with('\r')) out.content.remove_suffix(1);
  return out;
}

// What stands between two boundaries.
void parse_part(std::string_view bytes, Json& fields) {
  const auto part = split_part(bytes);
  if (!part) return;
  for (std::string_view line : base::split(part->head, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = base::trim(line);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!base::equals_ignore_case(line.substr(0, colon), "content-disposition")) continue;
    // A part has one such line (RFC 7578 4.2); a second would give its content another name.
    const std::string name = parameter(line.substr(colon + 1), "name");
    if (!name.empty()) add_field(fields, name, std::string(part->content));
    return;
  }
}

// RFC 7578.
Json parse_multipart(std::string_view bytes, std::string_view content_type) {
  Json fields(::Json::objectValue);
  const std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > kBoundaryBytesMax) return Json();
  const std::string line = "--" + boundary;
  std::size_t at = bytes.find(line);
  for (std::size_t count = 0; at != std::string_view::npos && count < limits::kFormFieldsMax; ++count) {
    at += line.size();
    const auto next = bytes.find(line, at);
    if (next == std::string_view::npos) break;
    parse_part(bytes.substr(at, next - at), fields);
    at = next;
  }
  return fields;
}

}  // namespace

void BodyFields::set(std::string_view bytes, std::string_view content_type) {
  bytes_ = bytes;
  content_type_ = content_type;
  is_read_ = true;
}

BodyFields::~BodyFields() {
  reset();
}

void BodyFields::reset() {
  parsed_bodies().values -= std::exchange(values_taken_, 0);
  bytes_ = content_type_ = {};
  fields_.reset();
  results_.reset();
  form_ = {};
  texts_ = nullptr;
  form_is_decoded_ = is_read_ = is_wanted_ = false;
}

void BodyFields::give_up() {
  is_read_ = true;
  parsed_bodies().count_gave_up("it is longer than max_post_args_readable_size");
}

std::uint64_t BodyFields::gave_up_total() {
  return parsed_bodies().gave_up;
}

bool BodyFields::take_values(std::size_t count) {
  ParsedBodies& bodies = parsed_bodies();
  if (count > limits::kBodyValuesMax) {
    bodies.count_gave_up("it has too many values");
    return false;
  }
  if (bodies.values + count > limits::kBodyValuesOfWorkerMax) {
    bodies.count_gave_up("the bodies of this worker have too many values");
    return false;
  }
  bodies.values += count;
  values_taken_ += count;
  return true;
}

std::optional<std::string_view> BodyFields::form_field(std::string_view name, base::Arena& arena) {
  if (!content_type_.starts_with("application/x-www-form-urlencoded")) return std::nullopt;
  if (!form_is_decoded_) form_ = http::decode_args(bytes_, arena, limits::kFormFieldsMax);
  form_is_decoded_ = true;
  const auto* found = std::ranges::find(form_, name, &http::QueryArg::name);
  return found != form_.end() ? std::optional(found->value) : std::nullopt;
}

const Json* BodyFields::parse() {
  if (fields_) return fields_->isNull() ? nullptr : fields_.get();
  fields_ = std::make_unique<Json>();
  visits_left_ = format::JsonPath::kVisitsMax;
  if (content_type_.find("application/json") != std::string_view::npos) {
    if (!take_values(format::count_json_values(bytes_))) return nullptr;
    auto parsed = format::parse_json(bytes_);
    if (parsed) {
      *fields_ = std::move(*parsed);
    } else {
      base::log_info("the fields of a request body are unset: {}", parsed.error().what);
    }
  } else if (content_type_.find("application/x-www-form-urlencoded") != std::string_view::npos) {
    if (take_values(2 * limits::kFormFieldsMax)) *fields_ = parse_form(bytes_);
  } else if (content_type_.find("multipart/form-data") != std::string_view::npos) {
    if (take_values(2 * limits::kFormFieldsMax)) *fields_ = parse_multipart(bytes_, content_type_);
  }
  return fields_->isNull() ? nullptr : fields_.get();
}

const Json* BodyFields::field(std::string_view path) {
  const Json* root = parse();
  if (root == nullptr) return nullptr;
  const auto compiled = format::JsonPath::compile(path);
  if (!compiled) return nullptr;
  const auto found = compiled->find(*root, visits_left_);
  if (found.empty()) return nullptr;
  if (path.find('[') == std::string_view::npos && compiled->is_definite()) return found.front();
  // A path of any depth can lead to values that are within one another.
  std::size_t room = limits::kBodyValuesMax;
  for (const Json* value : found) {
    room -= count_values(*value, room);
    if (room == 0) return nullptr;
  }
  results_ = std::make_unique<Json>(::Json::arrayValue);
  for (const Json* value : found) results_->append(*value);
  return results_.get();
}

std::optional<std::string_view> BodyFields::field_text(std::string_view path, base::Arena& arena) {
  for (const FieldText* known = texts_; known != nullptr; known = known->next) {
    if (known->path == path) return known->text;
  }
  std::optional<std::string_view> text;
  if (const Json* value = field(path); value != nullptr && !value->isNull()) {
    text = arena.copy(value->isString() ? format::string_of(*value) : format::to_json(*value));
  }
  texts_ = arena.make<FieldText>(arena.copy(path), text, texts_);
  return text;
}

}  // namespace apisix::plugin
