// Writing YAML. Text is written plain only where no YAML parser reads it as another type; otherwise as a JSON
// string, which is YAML too.
#include <algorithm>

#include "shared/format/yaml.h"

namespace apisix::format {
namespace {

bool is_plain_character(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z') || c == '_' ||
         c == '/' || c == '.' || c == '-';
}

std::string written_text(const std::string& text) {
  const bool is_plain = !text.empty() && text.front() != '-' &&
                        std::ranges::all_of(text, is_plain_character) && plain_scalar(text).isString();
  return is_plain ? text : to_json(Json(text));
}

// A key that is followed by ':' on its line may have 1024 characters (YAML 1.1, 7.3.3); a longer one is
// marked by '?' and its ':' stands on the next line.
constexpr std::size_t kSimpleKeyBytesMax = 1024;

void write_key(const std::string& name, std::size_t indent, std::string& out) {
  const std::string key = written_text(name);
  if (key.size() <= kSimpleKeyBytesMax) {
    out += key;
    return;
  }
  out += "? ";
  out += key;
  out += '\n';
  out.append(indent, ' ');
}

void write_value(const Json& value, std::size_t indent, bool continues_line, std::string& out);

void write_list(const Json& list, std::size_t indent, bool continues_line, std::string& out) {
  for (const Json& element : list) {
    if (!continues_line) out.append(indent, ' ');
    continues_line = false;
    out += "- ";
    write_value(element, indent + 2, true, out);
  }
}

void write_map(const Json& map, std::size_t indent, bool continues_line, std::string& out) {
  for (const std::string& name : map.getMemberNames()) {
    if (!continues_line) out.append(indent, ' ');
    continues_line = false;
    write_key(name, indent, out);
    const Json& member = map[name];
    const bool is_block = (member.isObject() || member.isArray()) && !member.empty();
    out += is_block ? ":\n" : ": ";
    write_value(member, indent + 2, !is_block, out);
  }
}

// `continues_line`: something stands on the line already ("- ", "name: ").
void write_value(const Json& value, std::size_t indent, bool continues_line, std::string& out) {
  if (value.isObject() && !value.empty()) return write_map(value, indent, continues_line, out);
  if (value.isArray() && !value.empty()) return write_list(value, indent, continues_line, out);
  if (value.isString()) {
    out += written_text(value.asString());
  } else {
    out += to_json(value);
  }
  out += '\n';
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  write_value(value, 0, false, out);
  return out;
}

}  // namespace apisix::format
