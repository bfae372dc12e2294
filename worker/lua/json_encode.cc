#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include "worker/lua/json_text.h"

namespace apisix::lua {
namespace {

constexpr int kNoList = -1;
constexpr int kSlotsOfLevel = 4;

// How each byte is written inside a string: 0 as it is, 1 as \u00xx, else behind a backslash. '/' depends on
// the settings.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> out{};
  for (std::size_t i = 0; i < 32; ++i) out[i] = 1;
  out[127] = 1;
  out['\b'] = 'b';
  out['\t'] = 't';
  out['\n'] = 'n';
  out['\f'] = 'f';
  out['\r'] = 'r';
  out['"'] = '"';
  out['\\'] = '\\';
  out['/'] = '/';
  return out;
}();

class Encoder {
 public:
  Encoder(lua_State* lua, const CjsonSettings& settings, std::string& out)
      : lua_(lua), settings_(settings), out_(out) {
    push_array_metatable(lua);
    array_metatable_ = lua_topointer(lua, -1);
    push_empty_array_metatable(lua);
    empty_array_metatable_ = lua_topointer(lua, -1);
    lua_pop(lua, 2);
  }

  // Of the value on top. False: error() says why.
  bool append_value(int depth);
  std::string& error() { return error_; }

 private:
  bool append_table(int depth);
  bool append_array(int depth, int length);
  bool append_object(int depth);
  bool append_key();
  bool append_number(double number, int index);
  void append_text(std::string_view text);
  int list_length();
  bool is_skipped() const;
  bool fail(int index, std::string_view reason) {
    error_ = fmt::format("Cannot serialise {}: {}", luaL_typename(lua_, index), reason);
    return false;
  }

  lua_State* lua_;
  const CjsonSettings& settings_;
  std::string& out_;
  std::string error_;
  const void* array_metatable_ = nullptr;
  const void* empty_array_metatable_ = nullptr;
};

bool Encoder::append_value(int depth) {
  switch (lua_type(lua_, -1)) {
    case LUA_TSTRING:
      append_text(text_at(lua_, -1));
      return true;
    case LUA_TNUMBER:
      return append_number(lua_tonumber(lua_, -1), -1);
    case LUA_TBOOLEAN:
      out_ += lua_toboolean(lua_, -1) != 0 ? "true" : "false";
      return true;
    case LUA_TNIL:
      out_ += "null";
      return true;
    case LUA_TTABLE:
      return append_table(depth + 1);
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(lua_, -1) == nullptr) {
        out_ += "null";
        return true;
      }
      if (lua_touserdata(lua_, -1) == empty_array()) {
        out_ += "[]";
        return true;
      }
      break;
    default:
      break;
  }
  return fail(-1, "type not supported");
}

bool Encoder::append_table(int depth) {
  if (depth > settings_.encode_depth_max || lua_checkstack(lua_, kSlotsOfLevel) == 0) {
    error_ = fmt::format("Cannot serialise, excessive nesting ({})", depth);
    return false;
  }
  const void* metatable = nullptr;
  if (lua_getmetatable(lua_, -1) != 0) {
    metatable = lua_topointer(lua_, -1);
    lua_pop(lua_, 1);
  }
  if (metatable != nullptr && metatable == array_metatable_) {
    return append_array(depth, static_cast<int>(lua_objlen(lua_, -1)));
  }
  const int length = list_length();
  if (!error_.empty()) return false;
  if (length > 0 || (length == 0 && !settings_.empty_table_is_object)) return append_array(depth, length);
  if (metatable != nullptr && metatable == empty_array_metatable_) return append_array(depth, 0);
  return append_object(depth);
}

// The largest index when all keys are indices, 0 for an empty table, kNoList for an object.
int Encoder::list_length() {
  double largest = 0;
  double items = 0;
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    lua_pop(lua_, 1);
    const double key = lua_type(lua_, -1) == LUA_TNUMBER ? lua_tonumber(lua_, -1) : 0;
    if (key < 1 || std::floor(key) != key) {
      lua_pop(lua_, 1);
      return kNoList;
    }
    largest = std::max(largest, key);
    ++items;
  }
  const bool is_sparse = settings_.sparse_ratio > 0 && largest > items * settings_.sparse_ratio &&
                         largest > settings_.sparse_safe;
  if (!is_sparse) return static_cast<int>(std::min<double>(largest, INT32_MAX));
  if (!settings_.sparse_becomes_object) fail(-1, "excessively sparse array");
  return kNoList;
}

bool Encoder::is_skipped() const {
  if (!settings_.skips_unsupported) return false;
  const int type = lua_type(lua_, -1);
  if (type == LUA_TLIGHTUSERDATA) {
    const void* at = lua_touserdata(lua_, -1);
    return at != nullptr && at != empty_array();
  }
  return type > LUA_TTABLE;
}

bool Encoder::append_array(int depth, int length) {
  out_ += '[';
  bool is_first = true;
  for (int i = 1; i <= length; ++i) {
    lua_rawgeti(lua_, -1, i);
    if (!is_skipped()) {
      if (!is_first) out_ += ',';
      is_first = false;
      if (!append_value(depth)) return false;
    }
    lua_pop(lua_, 1);
  }
  out_ += ']';
  return true;
}

bool Encoder::append_object(int depth) {
  out_ += '{';
  bool is_first = true;
  lua_pushnil(lua_);
  while (lua_next(lua_, -2) != 0) {
    const int type = lua_type(lua_, -2);
    const bool is_key = type == LUA_TSTRING || type == LUA_TNUMBER;
    if (!is_key && !settings_.skips_unsupported) return fail(-2, "table key must be a number or string");
    if (is_key && !is_skipped()) {
      if (!is_first) out_ += ',';
      is_first = false;
      if (!append_key() || !append_value(depth)) return false;
    }
    lua_pop(lua_, 1);
  }
  out_ += '}';
  return true;
}

// Of the pair on top.
bool Encoder::append_key() {
  if (lua_type(lua_, -2) == LUA_TSTRING) {
    append_text(text_at(lua_, -2));
  } else {
    out_ += '"';
    if (!append_number(lua_tonumber(lua_, -2), -2)) return false;
    out_ += '"';
  }
  out_ += ':';
  return true;
}

bool Encoder::append_number(double number, int index) {
  if (!std::isfinite(number)) {
    if (settings_.invalid_numbers == 0) return fail(index, "must not be NaN or Infinity");
    if (settings_.invalid_numbers == 2) {
      out_ += "null";
    } else if (std::isnan(number)) {
      out_ += "NaN";
    } else {
      out_ += number < 0 ? "-Infinity" : "Infinity";
    }
    return true;
  }
  std::array<char, 40> text{};
  // Whole numbers of up to nine digits are most of all.
  const auto whole = std::abs(number) < 1e9 ? static_cast<std::int32_t>(number) : 0;
  const bool is_whole = whole != 0 && whole == number && settings_.number_digits >= 10;
  const auto end = is_whole ? std::to_chars(text.data(), text.data() + text.size(), whole)
                            : std::to_chars(text.data(), text.data() + text.size(), number,
                                            std::chars_format::general, settings_.number_digits);
  out_.append(text.data(), end.ptr);
  return true;
}

void Encoder::append_text(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out_ += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0 || (escape == '/' && !settings_.escapes_slash)) continue;
    out_ += text.substr(plain, i - plain);
    plain = i + 1;
    if (escape != 1) {
      out_ += {'\\', escape};
    } else {
      out_ += "\\u00";
      out_ += {kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  out_ += text.substr(plain);
  out_ += '"';
}

}  // namespace

std::string encode_cjson(lua_State* lua, const CjsonSettings& settings, std::string& out) {
  const int top = lua_gettop(lua);
  Encoder encoder(lua, settings, out);
  if (encoder.append_value(0)) return {};
  lua_settop(lua, top);
  return std::move(encoder.error());
}

base::Result<std::string> encode_json(lua_State* lua, int index) {
  std::string out;
  lua_pushvalue(lua, index);
  std::string error = encode_cjson(lua, {}, out);
  lua_pop(lua, 1);
  if (!error.empty()) return base::invalid(std::move(error));
  return out;
}

}  // namespace apisix::lua
