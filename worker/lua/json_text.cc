#include "worker/lua/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "worker/lua/json_value.h"

namespace apisix::lua {
namespace {

// The address is cjson.empty_array's.
constexpr char kEmptyArray = 0;

constexpr const char* kArrayMetatable = "cjson.array_mt";
constexpr const char* kEmptyArrayMetatable = "cjson.empty_array_mt";

class Encoder {
 public:
  Encoder(lua_State* lua, const JsonOptions& options) : lua_(lua), options_(options) {}

  base::Result<std::string> encode(int index) {
    lua_pushvalue(lua_, index);
    const bool is_done = value(0);
    lua_pop(lua_, 1);
    if (!is_done) return base::invalid(std::move(fault_));
    return std::move(out_);
  }

 private:
  // The value on top, which stays there.
  bool value(int depth) {
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        string(text_at(lua_, -1));
        return true;
      case LUA_TNUMBER:
        return number(lua_tonumber(lua_, -1));
      case LUA_TBOOLEAN:
        out_ += lua_toboolean(lua_, -1) != 0 ? "true" : "false";
        return true;
      case LUA_TNIL:
        out_ += "null";
        return true;
      case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua_, -1) == nullptr) {
          out_ += "null";
          return true;
        }
        if (lua_touserdata(lua_, -1) == &kEmptyArray) {
          out_ += "[]";
          return true;
        }
        return fail("type not supported");
      case LUA_TTABLE:
        return table(depth + 1);
      default:
        return fail("type not supported");
    }
  }

  bool fail(std::string_view reason) {
    fault_ = fmt::format("Cannot serialise {}: {}", luaL_typename(lua_, -1), reason);
    return false;
  }

  bool number(double number) {
    if (!std::isfinite(number)) {
      if (options_.invalid == JsonOptions::Invalid::kError) return fail("must not be NaN or Inf");
      if (options_.invalid == JsonOptions::Invalid::kNull) {
        out_ += "null";
        return true;
      }
    }
    constexpr double kExactMax = 1e14;
    if (number == std::trunc(number) && std::fabs(number) < kExactMax) {
      fmt::format_to(std::back_inserter(out_), "{}", static_cast<std::int64_t>(number));
      return true;
    }
    std::array<char, 64> text{};
    const int bytes = std::snprintf(text.data(), text.size(), "%.*g", options_.precision, number);
    out_.append(text.data(), static_cast<std::size_t>(bytes));
    return true;
  }

  void string(std::string_view text) {
    out_ += '"';
    for (const char c : text) escape(c);
    out_ += '"';
  }

  void escape(char c) {
    switch (c) {
      case '"':
        out_ += "\\\"";
        return;
      case '\\':
        out_ += "\\\\";
        return;
      case '/':
        out_ += options_.escapes_slash ? "\\/" : "/";
        return;
      case '\b':
        out_ += "\\b";
        return;
      case '\f':
        out_ += "\\f";
        return;
      case '\n':
        out_ += "\\n";
        return;
      case '\r':
        out_ += "\\r";
        return;
      case '\t':
        out_ += "\\t";
        return;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out_ += c;
        }
    }
  }

  bool table(int depth) {
    if (depth > options_.depth_max || lua_checkstack(lua_, 4) == 0) {
      fault_ = fmt::format("Cannot serialise, excessive depth ({})", depth);
      return false;
    }
    bool is_list = false;
    int length = 0;
    if (lua_getmetatable(lua_, -1) != 0) {
      is_list = is_metatable(kArrayMetatable);
      const bool is_empty_list = is_metatable(kEmptyArrayMetatable);
      lua_pop(lua_, 1);
      if (is_list) length = static_cast<int>(lua_objlen(lua_, -1));
      if (is_empty_list && is_empty()) {
        out_ += "[]";
        return true;
      }
    }
    if (!is_list && !length_of_list(is_list, length)) return false;
    return is_list ? list(length, depth) : object(depth);
  }

  // The metatable is on top.
  bool is_metatable(const char* name) {
    lua_getfield(lua_, LUA_REGISTRYINDEX, name);
    const bool is_it = lua_rawequal(lua_, -1, -2) != 0;
    lua_pop(lua_, 1);
    return is_it;
  }

  bool is_empty() {
    lua_pushnil(lua_);
    if (lua_next(lua_, -2) == 0) return true;
    lua_pop(lua_, 2);
    return false;
  }

  // A list has the keys 1, 2, 3 ...; holes are null. False: it is too sparse.
  bool length_of_list(bool& is_list, int& length) {
    int items = 0;
    double last = 0;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      lua_pop(lua_, 1);
      const double key = lua_type(lua_, -1) == LUA_TNUMBER ? lua_tonumber(lua_, -1) : 0;
      if (key < 1 || key != std::floor(key)) {
        lua_pop(lua_, 1);
        return true;
      }
      last = std::max(last, key);
      ++items;
    }
    if (items == 0) {
      is_list = !options_.empty_table_is_object;
      return true;
    }
    if (options_.sparse_ratio > 0 && last > static_cast<double>(items) * options_.sparse_ratio &&
        last > options_.sparse_safe) {
      if (options_.sparse_becomes_object) return true;
      return fail("excessively sparse array");
    }
    is_list = true;
    length = static_cast<int>(last);
    return true;
  }

  bool list(int length, int depth) {
    out_ += '[';
    for (int i = 1; i <= length; ++i) {
      if (i > 1) out_ += ',';
      lua_rawgeti(lua_, -1, i);
      const bool is_done = value(depth);
      lua_pop(lua_, 1);
      if (!is_done) return false;
    }
    out_ += ']';
    return true;
  }

  bool object(int depth) {
    out_ += '{';
    bool is_first = true;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      if (!is_first) out_ += ',';
      is_first = false;
      if (!key() || !value(depth)) {
        lua_pop(lua_, 2);
        return false;
      }
      lua_pop(lua_, 1);
    }
    out_ += '}';
    return true;
  }

  // The key below the value.
  bool key() {
    switch (lua_type(lua_, -2)) {
      case LUA_TSTRING:
        string(text_at(lua_, -2));
        break;
      case LUA_TNUMBER:
        out_ += '"';
        number(lua_tonumber(lua_, -2));
        out_ += '"';
        break;
      default:
        fault_ = "Cannot serialise table: table key must be a number or string";
        return false;
    }
    out_ += ':';
    return true;
  }

  lua_State* const lua_;
  const JsonOptions& options_;
  std::string out_;
  std::string fault_;
};

// Recursive descent; what it has made so far is on the stack, and taken off when the text is bad.
class Decoder {
 public:
  Decoder(lua_State* lua, std::string_view text, const JsonOptions& options)
      : lua_(lua), text_(text), options_(options) {}

  base::Status decode() {
    const int top = lua_gettop(lua_);
    space();
    if (value(0)) {
      space();
      if (at_ == text_.size()) return {};
      unexpected("the end");
    }
    lua_settop(lua_, top);
    return base::invalid(std::move(fault_));
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool is_end() const { return at_ >= text_.size(); }

  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  // cjson's names of tokens.
  std::string_view token() const {
    if (is_end()) return "T_END";
    const std::string_view rest = text_.substr(at_);
    switch (peek()) {
      case '{':
        return "T_OBJ_BEGIN";
      case '}':
        return "T_OBJ_END";
      case '[':
        return "T_ARR_BEGIN";
      case ']':
        return "T_ARR_END";
      case '"':
        return "T_STRING";
      case ':':
        return "T_COLON";
      case ',':
        return "T_COMMA";
      case 't':
      case 'f':
        return rest.starts_with("true") || rest.starts_with("false") ? "T_BOOLEAN" : "invalid token";
      case 'n':
        return rest.starts_with("null") ? "T_NULL" : "invalid token";
      default:
        return peek() == '-' || (peek() >= '0' && peek() <= '9') ? "T_NUMBER" : "invalid token";
    }
  }

  bool unexpected(std::string_view expected) { return fail(expected, token()); }
  bool fail(std::string_view expected, std::string_view found) {
    fault_ = fmt::format("Expected {} but found {} at character {}", expected, found, at_ + 1);
    return false;
  }

  bool value(int depth) {
    switch (peek()) {
      case '{':
        return object(depth + 1);
      case '[':
        return list(depth + 1);
      case '"':
        return string("value");
      case 't':
        return word("true") && (lua_pushboolean(lua_, 1), true);
      case 'f':
        return word("false") && (lua_pushboolean(lua_, 0), true);
      case 'n':
        return word("null") && (lua_pushlightuserdata(lua_, nullptr), true);
      default:
        return number();
    }
  }

  bool word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return unexpected("value");
    at_ += word.size();
    return true;
  }

  bool number() {
    const char first = peek();
    if (is_end() || (first != '-' && (first < '0' || first > '9'))) return unexpected("value");
    double value = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) {
      value = first == '-' ? -HUGE_VAL : HUGE_VAL;
    } else if (error != std::errc{}) {
      return fail("value", "invalid number");
    }
    at_ += static_cast<std::size_t>(end - begin);
    lua_pushnumber(lua_, value);
    return true;
  }

  bool enter(int depth) {
    if (depth <= options_.depth_max && lua_checkstack(lua_, 4) != 0) return true;
    fault_ = fmt::format("Found too many nested data structures ({})", depth);
    return false;
  }

  bool object(int depth) {
    if (!enter(depth)) return false;
    ++at_;
    lua_newtable(lua_);
    space();
    if (peek() == '}') {
      ++at_;
      return true;
    }
    for (;;) {
      if (peek() != '"') return unexpected("object key string");
      if (!string("object key string")) return false;
      space();
      if (peek() != ':') return unexpected("colon");
      ++at_;
      space();
      if (!value(depth)) return false;
      lua_rawset(lua_, -3);
      space();
      if (peek() == '}') {
        ++at_;
        return true;
      }
      if (peek() != ',') return unexpected("comma or object end");
      ++at_;
      space();
    }
  }

  bool list(int depth) {
    if (!enter(depth)) return false;
    ++at_;
    lua_newtable(lua_);
    if (options_.marks_arrays) {
      push_array_metatable(lua_);
      lua_setmetatable(lua_, -2);
    }
    space();
    if (peek() == ']') {
      ++at_;
      return true;
    }
    for (int i = 1;; ++i) {
      if (!value(depth)) return false;
      lua_rawseti(lua_, -2, i);
      space();
      if (peek() == ']') {
        ++at_;
        return true;
      }
      if (peek() != ',') return unexpected("comma or array end");
      ++at_;
      space();
    }
  }

  bool string(std::string_view expected) {
    const std::size_t begin = at_ + 1;
    std::size_t end = begin;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
           static_cast<unsigned char>(text_[end]) >= 0x20)
      ++end;
    if (end < text_.size() && text_[end] == '"') {
      push(lua_, text_.substr(begin, end - begin));
      at_ = end + 1;
      return true;
    }
    return escaped_string(expected, begin);
  }

  bool escaped_string(std::string_view expected, std::size_t from) {
    std::string out;
    for (std::size_t at = from; at < text_.size();) {
      const char c = text_[at];
      if (c == '"') {
        push(lua_, out);
        at_ = at + 1;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return fail(expected, "invalid token");
      if (c != '\\') {
        out += c;
        ++at;
        continue;
      }
      if (!escape(at, out, expected)) return false;
    }
    return fail(expected, "unexpected end of string");
  }

  // `at` is at the backslash; behind the escape when it is good.
  bool escape(std::size_t& at, std::string& out, std::string_view expected) {
    constexpr std::string_view kCodes = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (at + 1 >= text_.size()) return fail(expected, "unexpected end of string");
    const char code = text_[at + 1];
    if (const auto found = kCodes.find(code); found != kCodes.npos) {
      out += kValues[found];
      at += 2;
      return true;
    }
    if (code != 'u') return fail(expected, "invalid escape code");
    const auto unit = hex4(at + 2);
    if (!unit) return fail(expected, "invalid unicode escape code");
    at += 6;
    unsigned point = *unit;
    if ((point & 0xfc00) == 0xd800) {
      const auto low = text_.substr(at).starts_with("\\u") ? hex4(at + 2) : std::nullopt;
      if (!low || (*low & 0xfc00) != 0xdc00) return fail(expected, "invalid unicode escape code");
      at += 6;
      point = 0x10000 + ((point & 0x3ff) << 10) + (*low & 0x3ff);
    } else if ((point & 0xfc00) == 0xdc00) {
      return fail(expected, "invalid unicode escape code");
    }
    append_utf8(out, point);
    return true;
  }

  std::optional<unsigned> hex4(std::size_t at) const {
    unsigned value = 0;
    if (at + 4 > text_.size()) return std::nullopt;
    const char* const begin = text_.data() + at;
    const auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
    if (error != std::errc{} || end != begin + 4) return std::nullopt;
    return value;
  }

  static void append_utf8(std::string& out, unsigned point) {
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xc0 | point >> 6);
      out += static_cast<char>(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      out += static_cast<char>(0xe0 | point >> 12);
      out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (point & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | point >> 18);
      out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
      out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (point & 0x3f));
    }
  }

  lua_State* const lua_;
  const std::string_view text_;
  const JsonOptions& options_;
  std::size_t at_ = 0;
  std::string fault_;
};

}  // namespace

base::Result<std::string> encode_json(lua_State* lua, int index, const JsonOptions& options) {
  return Encoder(lua, options).encode(index);
}

base::Status decode_json(lua_State* lua, std::string_view text, const JsonOptions& options) {
  return Decoder(lua, text, options).decode();
}

void push_array_metatable(lua_State* lua) {
  luaL_newmetatable(lua, kArrayMetatable);
}

void push_empty_array_metatable(lua_State* lua) {
  luaL_newmetatable(lua, kEmptyArrayMetatable);
}

void push_empty_array(lua_State* lua) {
  lua_pushlightuserdata(lua, const_cast<char*>(&kEmptyArray));
}

}  // namespace apisix::lua
