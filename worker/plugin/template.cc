#include "worker/plugin/template.h"

#include <algorithm>
#include <optional>

#include "shared/base/arena_text.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "worker/plugin/request.h"
#include "worker/plugin/variables.h"

namespace apisix::plugin {
namespace {

bool is_name_char(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z') || c == '_' || c == '.';
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trim_spaces(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, base::is_digit);
}

}  // namespace

std::string text_of(const format::Json& value) {
  if (value.isString()) return format::string_of(value);
  return value.isNumeric() && !value.isBool() ? format::to_json(value) : std::string();
}

Template::Template(std::string text, Captures captures) : text_(std::move(text)) {
  std::size_t copied = 0;
  std::size_t from = 0;
  while (true) {
    const std::size_t dollar = text_.find('$', from);
    if (dollar == std::string::npos) break;
    std::size_t end = 0;
    Part part;
    if (!parse_reference(dollar, end, part, captures)) {
      from = dollar + 1;
      continue;
    }
    part.text = text_.substr(copied, dollar - copied);
    needs_body_ |= part.name.is_of_body();
    parts_.push_back(std::move(part));
    copied = from = end;
  }
  if (parts_.empty() || copied == text_.size()) return;
  Part rest;
  rest.text = text_.substr(copied);
  parts_.push_back(std::move(rest));
}

// False: this '$' is text.
bool Template::parse_reference(std::size_t dollar, std::size_t& end, Part& part, Captures captures) const {
  if (dollar > 0 && text_[dollar - 1] == '\\') return false;
  const std::size_t begin = dollar + 1;
  if (begin < text_.size() && text_[begin] == '{') {
    const std::size_t close = text_.find('}', begin);
    if (close == std::string::npos || close == begin + 1) return false;
    set_reference(std::string_view(text_).substr(begin + 1, close - begin - 1), part, captures);
    end = close + 1;
    return true;
  }
  end = begin;
  while (end < text_.size() && is_name_char(text_[end])) ++end;
  if (end == begin) return false;
  // "$1st" is the first capture and "st": a capture's number ends with its digits.
  if (captures == Captures::kNumbered && base::is_digit(text_[begin])) {
    end = begin;
    while (end < text_.size() && base::is_digit(text_[end])) ++end;
  }
  set_reference(std::string_view(text_).substr(begin, end - begin), part, captures);
  return true;
}

void Template::set_reference(std::string_view inside, Part& part, Captures captures) {
  inside = trim_spaces(inside);
  if (captures == Captures::kNumbered && is_number(inside)) {
    part.kind = Part::Kind::kCapture;
    part.capture = base::parse_integer<unsigned>(inside).value_or(~0u);
    return;
  }
  part.kind = Part::Kind::kVariable;
  const std::size_t mark = inside.find("??");
  part.name = route::VariableName::parse(trim_spaces(inside.substr(0, mark)));
  if (mark == std::string_view::npos) return;
  const std::string_view rest = inside.substr(mark + 2);
  part.default_value = trim_spaces(rest.substr(0, rest.find("??")));
  part.has_default = !part.default_value.empty();
}

Template::Expanded Template::expand(Request& request, const Options& options) const {
  if (parts_.empty()) return {text_, 0};
  Expanded out;
  base::ArenaText text;
  base::Arena& arena = request.arena();
  Variables variables(request);
  for (const Part& part : parts_) {
    text.append(arena, part.text);
    std::optional<std::string_view> value;
    if (part.kind == Part::Kind::kCapture) {
      if (part.capture < options.captures.size()) value = options.captures[part.capture];
    } else if (part.kind == Part::Kind::kVariable) {
      value = variables.read(part.name);
      if (!value && part.has_default) value = part.default_value;
      if (value) ++out.resolved;
    }
    if (!value) continue;
    text.append(arena, options.escape != nullptr ? options.escape(*value, arena) : *value);
  }
  out.text = text.view();
  return out;
}

}  // namespace apisix::plugin
