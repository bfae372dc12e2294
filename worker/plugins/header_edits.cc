#include "worker/plugins/header_edits.h"

#include <algorithm>
#include <utility>

#include "shared/format/read.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;
using plugin::Template;

// The values of one member: a text, a number, or a list of them.
HeaderEdits::Edit edit_of(const std::string& name, const Json& value, Template::Captures captures) {
  HeaderEdits::Edit edit{plugin::FieldName(name), {}};
  if (!value.isArray()) {
    edit.values.emplace_back(plugin::text_of(value), captures);
    return edit;
  }
  for (const Json& one : value) edit.values.emplace_back(plugin::text_of(one), captures);
  return edit;
}

void append_edits(std::vector<HeaderEdits::Edit>& edits, const Json& fields, Template::Captures captures) {
  if (!fields.isObject()) return;
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    edits.push_back(edit_of(field.name(), *field, captures));
  }
}

bool any_needs_body(const std::vector<HeaderEdits::Edit>& edits) {
  return std::ranges::any_of(edits, [](const HeaderEdits::Edit& edit) {
    return std::ranges::any_of(edit.values, &Template::needs_body);
  });
}

}  // namespace

bool HeaderEdits::is_in_parts(const Json& headers) {
  const auto is_part = [&headers](std::string_view name) {
    const Json& part = find_member(headers, name);
    return part.isObject() || part.isArray();
  };
  return is_part("add") || is_part("set") || is_part("remove");
}

void HeaderEdits::set(const Json& fields, Template::Captures captures) {
  append_edits(set_, fields, captures);
}

void HeaderEdits::add(const Json& fields, Template::Captures captures) {
  append_edits(add_, fields, captures);
}

void HeaderEdits::add(std::string_view name, std::string value) {
  Edit edit{plugin::FieldName(name), {}};
  edit.values.emplace_back(std::move(value));
  add_.push_back(std::move(edit));
}

void HeaderEdits::remove(const Json& names) {
  if (!names.isArray()) return;
  for (const Json& name : names) remove_.push_back(format::string_of(name));
}

bool HeaderEdits::needs_body() const {
  return any_needs_body(add_) || any_needs_body(set_);
}

void HeaderEdits::apply_to_request(plugin::Request& request,
                                   std::span<const std::string_view> captures) const {
  const Template::Options options{.captures = captures, .escape = nullptr};
  for (const Edit& edit : add_) {
    for (const Template& value : edit.values)
      request.headers().add(edit.name.configured(), value.expand(request, options).text);
  }
  for (const Edit& edit : set_) {
    bool first = true;
    for (const Template& value : edit.values) {
      const std::string_view text = value.expand(request, options).text;
      if (std::exchange(first, false)) {
        request.headers().set(edit.name.configured(), text);
      } else {
        request.headers().add(edit.name.configured(), text);
      }
    }
  }
  for (const std::string& name : remove_) request.headers().remove(name);
}

void HeaderEdits::apply_to_response(plugin::Request& request) const {
  for (const Edit& edit : add_) {
    for (const Template& value : edit.values)
      request.response().add_header(edit.name.configured(), value.expand(request));
  }
  for (const Edit& edit : set_) {
    for (const Template& value : edit.values) request.response().set_header(edit.name, value.expand(request));
  }
  for (const std::string& name : remove_) request.response().remove_header(name);
}

}  // namespace apisix::plugins
