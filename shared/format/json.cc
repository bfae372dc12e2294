#include "shared/format/json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>

#include <json/reader.h>
#include <json/writer.h>

#include "shared/base/json_escape.h"
#include "shared/base/utf8.h"
#include "shared/format/json_text.h"

namespace apisix::format {
namespace {

std::unique_ptr<::Json::CharReader> make_reader() {
  ::Json::CharReaderBuilder builder;
  ::Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["strictRoot"] = false;              // any value may be the root: PATCH of a sub-path sends scalars
  builder["rejectDupKeys"] = false;           // the last wins, as in cjson
  builder["stackLimit"] = kJsonDepthMax + 1;  // it counts the number inside of the innermost list too
  return std::unique_ptr<::Json::CharReader>(builder.newCharReader());
}

// jsoncpp's report is several lines; ours is one.
std::string one_line(std::string errors) {
  while (!errors.empty() && errors.back() == '\n') errors.pop_back();
  std::string out;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (errors[i] != '\n') {
      out += errors[i];
    } else {
      out += ' ';
      while (i + 1 < errors.size() && errors[i + 1] == ' ') ++i;
    }
  }
  return out.starts_with("* ") ? out.substr(2) : out;
}

// cjson escapes DEL too.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

// All eight bytes. A subtraction sets the highest bit of a byte that was less than what was subtracted; what
// it borrows spoils only bytes above one that counts already.
bool are_plain(const char* eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighest = 0x8080808080808080;
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof word);
  const auto less = [](std::uint64_t bytes, std::uint64_t than) { return (bytes - than * kOnes) & ~bytes; };
  const auto equal = [&](std::uint64_t c) { return less(word ^ (c * kOnes), 1); };
  return ((word | less(word, 0x20) | equal('"') | equal('\\') | equal(0x7f)) & kHighest) == 0;
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

}  // namespace

// JSON is UTF-8 (RFC 8259 8.1), whatever bytes a client sent: one of them must not cost a reader the rest.
void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 8 <= text.size() && are_plain(text.data() + i)) {
      i += 7;
      continue;
    }
    if (is_plain(text[i])) continue;
    const bool is_escaped = is_ascii(text[i]);
    const base::Utf8Piece piece = is_escaped ? base::Utf8Piece{1, true} : base::utf8_piece(text.substr(i));
    if (is_escaped || !piece.is_valid) {
      out.append(text.substr(done, i - done));
      done = i + piece.size;
      if (is_escaped) {
        base::append_json_escape(out, text[i]);
      } else {
        out.append(base::kReplacement);
      }
    }
    i += piece.size - 1;
  }
  out.append(text.substr(done));
  out += '"';
}

void append_json_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  // 14 digits as cjson; 2^53 bounds what stays exact.
  if (number == std::floor(number) && std::fabs(number) < 9007199254740992.0) {
    out += std::to_string(static_cast<long long>(number));
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::general, 14).ptr;
  out.append(buffer, end);
}

namespace {

void append_value(std::string& out, const Json& value);

void append_array(std::string& out, const Json& value) {
  out += '[';
  bool first = true;
  for (const Json& element : value) {
    if (!first) out += ',';
    first = false;
    append_value(out, element);
  }
  out += ']';
}

void append_object(std::string& out, const Json& value) {
  out += '{';
  bool first = true;
  for (auto member = value.begin(); member != value.end(); ++member) {
    if (!first) out += ',';
    first = false;
    append_json_text(out, member.name());
    out += ':';
    append_value(out, *member);
  }
  out += '}';
}

void append_value(std::string& out, const Json& value) {
  switch (value.type()) {
    case ::Json::nullValue:
      out += "null";
      return;
    case ::Json::booleanValue:
      out += value.asBool() ? "true" : "false";
      return;
    case ::Json::intValue:
      out += std::to_string(value.asLargestInt());
      return;
    case ::Json::uintValue:
      out += std::to_string(value.asLargestUInt());
      return;
    case ::Json::realValue:
      return append_json_number(out, value.asDouble());
    case ::Json::stringValue:
      return append_json_text(out, value.asString());
    case ::Json::arrayValue:
      return append_array(out, value);
    case ::Json::objectValue:
      return append_object(out, value);
  }
}

}  // namespace

base::Result<Json> parse_json(std::string_view text) {
  static thread_local const std::unique_ptr<::Json::CharReader> reader = make_reader();
  Json value;
  std::string errors;
  try {
    if (reader->parse(text.data(), text.data() + text.size(), &value, &errors)) return value;
  } catch (const std::exception& error) {  // nesting over the limit
    errors = error.what();
  }
  return base::invalid(one_line(std::move(errors)));
}

std::string to_json(const Json& value) {
  std::string out;
  append_value(out, value);
  return out;
}

const Json& find_member(const Json& object, std::string_view name) {
  if (!object.isObject()) return Json::nullSingleton();
  const Json* found = object.find(name.data(), name.data() + name.size());
  return found != nullptr ? *found : Json::nullSingleton();
}

}  // namespace apisix::format
