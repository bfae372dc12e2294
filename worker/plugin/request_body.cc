#include "worker/plugin/request_body.h"

#include "shared/base/arena.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/format/json_path.h"
#include "shared/http/uri.h"

namespace apisix::plugin {
namespace {

using format::Json;

constexpr std::size_t kFieldsMax = 100;

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
  for (const http::QueryArg& arg : http::decode_args(bytes, arena, kFieldsMax)) {
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
    line = base::trim(line);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!base::equals_ignore_case(line.substr(0, colon), "content-disposition")) continue;
    const std::string name = parameter(line.substr(colon + 1), "name");
    if (!name.empty()) add_field(fields, name, std::string(part->content));
  }
}

// RFC 7578.
Json parse_multipart(std::string_view bytes, std::string_view content_type) {
  Json fields(::Json::objectValue);
  const std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty()) return Json();
  const std::string line = "--" + boundary;
  std::size_t at = bytes.find(line);
  for (std::size_t count = 0; at != std::string_view::npos && count < kFieldsMax; ++count) {
    at += line.size();
    const auto next = bytes.find(line, at);
    if (next == std::string_view::npos) break;
    parse_part(bytes.substr(at, next - at), fields);
    at = next;
  }
  return fields;
}

}  // namespace

void RequestBody::set(std::string_view bytes, std::string_view content_type) {
  bytes_ = bytes;
  content_type_ = content_type;
  is_read_ = true;
}

std::optional<std::string_view> RequestBody::form_field(std::string_view name, base::Arena& arena) const {
  if (!content_type_.starts_with("application/x-www-form-urlencoded")) return std::nullopt;
  const auto raw = http::find_arg(bytes_, name);
  if (!raw) return std::nullopt;
  return http::unescape(*raw, arena, /*plus_is_space=*/true);
}

const Json* RequestBody::parse() {
  if (fields_) return fields_->isNull() ? nullptr : fields_.get();
  fields_ = std::make_unique<Json>();
  if (content_type_.find("application/json") != std::string_view::npos) {
    auto parsed = format::parse_json(bytes_);
    if (parsed) {
      *fields_ = std::move(*parsed);
    } else {
      base::log_info("the fields of a request body are unset: {}", parsed.error().what);
    }
  } else if (content_type_.find("application/x-www-form-urlencoded") != std::string_view::npos) {
    *fields_ = parse_form(bytes_);
  } else if (content_type_.find("multipart/form-data") != std::string_view::npos) {
    *fields_ = parse_multipart(bytes_, content_type_);
  }
  return fields_->isNull() ? nullptr : fields_.get();
}

const Json* RequestBody::field(std::string_view path) {
  const Json* root = parse();
  if (root == nullptr) return nullptr;
  const auto compiled = format::JsonPath::compile(path);
  if (!compiled) return nullptr;
  const auto found = compiled->find(*root);
  if (found.empty()) return nullptr;
  if (path.find('[') == std::string_view::npos && compiled->is_definite()) return found.front();
  results_ = std::make_unique<Json>(::Json::arrayValue);
  for (const Json* value : found) results_->append(*value);
  return results_.get();
}

}  // namespace apisix::plugin
