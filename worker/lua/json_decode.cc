#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fmt/format.h>

#include "worker/lua/json_text.h"

namespace apisix::lua {
namespace {

enum class Token : std::uint8_t {
  kObjectBegin,
  kObjectEnd,
  kArrayBegin,
  kArrayEnd,
  kString,
  kNumber,
  kBoolean,
  kNull,
  kColon,
  kComma,
  kEnd,
  kFault,
};

// As errors name them.
constexpr std::array<std::string_view, 11> kTokenNames = {
    "T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
    "T_BOOLEAN",   "T_NULL",    "T_COLON",     "T_COMMA",   "T_END"};

char unescaped(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'f':
      return '\f';
    case 'r':
      return '\r';
    default:
      return '\0';
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool starts_without_case(const char* text, std::string_view lower) {
  for (const char c : lower) {
    if ((*text++ | 0x20) != c) return false;
  }
  return true;
}

void append_character(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xc0 | (code >> 6)), tail(0)};
  } else if (code < 0x10000) {
    out += {static_cast<char>(0xe0 | (code >> 12)), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xf0 | (code >> 18)), tail(12), tail(6), tail(0)};
  }
}

// Numbers that strtod reads and JSON does not have.
bool is_invalid_number(const char* at) {
  if (*at == '+') return true;
  if (*at == '-') ++at;
  if (*at == '0') return (at[1] | 0x20) == 'x' || is_digit(at[1]);
  if (*at <= '9') return false;
  return starts_without_case(at, "inf") || starts_without_case(at, "nan");
}

// The text ends with a NUL, which is no character of any token: reading ahead stops there.
class Decoder {
 public:
  Decoder(lua_State* lua, const CjsonSettings& settings, std::string_view text)
      : lua_(lua), settings_(settings), begin_(text.data()), at_(text.data()) {}

  bool decode() {
    next();
    if (!push_value()) return false;
    next();
    return token_ == Token::kEnd || fail("the end");
  }
  std::string& error() { return error_; }

 private:
  void next();
  void next_word();
  void read_number();
  void read_string();
  bool read_unicode_escape();
  std::int32_t hex4(const char* at) const;
  bool push_value();
  bool push_object();
  bool push_array();
  bool descend(int slots);
  void set_fault(std::string_view what) {
    token_ = Token::kFault;
    index_ = at_ - begin_;
    fault_ = what;
  }
  bool fail(std::string_view expected) {
    const auto found = token_ == Token::kFault ? fault_ : kTokenNames[static_cast<std::size_t>(token_)];
    error_ = fmt::format("Expected {} but found {} at character {}", expected, found, index_ + 1);
    return false;
  }

  lua_State* lua_;
  const CjsonSettings& settings_;
  const char* const begin_;
  const char* at_;
  Token token_ = Token::kEnd;
  std::ptrdiff_t index_ = 0;  // of the token
  std::string_view fault_;
  std::string_view string_;  // of a string token: in the text, or in unescaped_
  double number_ = 0;
  bool boolean_ = false;
  int depth_ = 0;
  std::string unescaped_;
  std::string error_;
};

void Decoder::next() {
  while (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r') ++at_;
  index_ = at_ - begin_;
  const auto take = [this](Token token) {
    token_ = token;
    ++at_;
  };
  switch (*at_) {
    case '{':
      return take(Token::kObjectBegin);
    case '}':
      return take(Token::kObjectEnd);
    case '[':
      return take(Token::kArrayBegin);
    case ']':
      return take(Token::kArrayEnd);
    case ',':
      return take(Token::kComma);
    case ':':
      return take(Token::kColon);
    case '\0':
      token_ = Token::kEnd;
      return;
    case '"':
      return read_string();
    default:
      break;
  }
  if (*at_ != '-' && !is_digit(*at_)) return next_word();
  if (!settings_.reads_invalid_numbers && is_invalid_number(at_)) return set_fault("invalid number");
  read_number();
}

void Decoder::next_word() {
  const auto take = [this](std::string_view word, Token token) {
    // Reads no further than the NUL at the end.
    if (std::strncmp(at_, word.data(), word.size()) != 0) return false;
    token_ = token;
    at_ += word.size();
    return true;
  };
  switch (*at_) {
    case 't':
      boolean_ = true;
      if (take("true", Token::kBoolean)) return;
      break;
    case 'f':
      boolean_ = false;
      if (take("false", Token::kBoolean)) return;
      break;
    case 'n':
      if (take("null", Token::kNull)) return;
      break;
    default:
      break;
  }
  const bool may_be_number = std::string_view("iInN+").contains(*at_);
  if (may_be_number && settings_.reads_invalid_numbers && is_invalid_number(at_)) return read_number();
  set_fault("invalid token");
}

void Decoder::read_number() {
  token_ = Token::kNumber;
  const char* end = at_;
  if (!is_invalid_number(at_)) {
    while (is_digit(*end) || *end == '-' || *end == '+' || *end == '.' || (*end | 0x20) == 'e') ++end;
    const auto [stop, fault] = std::from_chars(at_, end, number_);
    if (fault == std::errc()) {
      at_ = stop;
      return;
    }
  }
  char* stop = nullptr;
  number_ = std::strtod(at_, &stop);
  if (stop == at_) return set_fault("invalid number");
  at_ = stop;
}

// A string without escapes stays where it is.
void Decoder::read_string() {
  const char* plain = ++at_;
  bool is_escaped = false;
  for (;;) {
    while (*at_ != '"' && *at_ != '\\' && *at_ != '\0') ++at_;
    if (*at_ == '\0') return set_fault("unexpected end of string");
    if (*at_ == '"') break;
    if (!is_escaped) unescaped_.clear();
    is_escaped = true;
    unescaped_.append(plain, at_);
    if (at_[1] == 'u') {
      if (!read_unicode_escape()) return set_fault("invalid unicode escape code");
    } else {
      const char c = unescaped(at_[1]);
      if (c == '\0') return set_fault("invalid escape code");
      unescaped_ += c;
      at_ += 2;
    }
    plain = at_;
  }
  token_ = Token::kString;
  if (is_escaped) unescaped_.append(plain, at_);
  string_ = is_escaped ? std::string_view(unescaped_) : std::string_view(plain, at_);
  ++at_;
}

std::int32_t Decoder::hex4(const char* at) const {
  std::int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const int letter = (c | 0x20) - 'a';
    if (is_digit(c)) {
      value = value * 16 + (c - '0');
    } else if (letter >= 0 && letter < 6) {
      value = value * 16 + letter + 10;
    } else {
      return -1;
    }
  }
  return value;
}

bool Decoder::read_unicode_escape() {
  std::int32_t code = hex4(at_ + 2);
  if (code < 0) return false;
  std::size_t bytes = 6;
  if ((code & 0xf800) == 0xd800) {
    // A pair of surrogates: the high one first.
    if ((code & 0x400) != 0 || at_[6] != '\\' || at_[7] != 'u') return false;
    const std::int32_t low = hex4(at_ + 8);
    if (low < 0 || (low & 0xfc00) != 0xdc00) return false;
    code = (((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x10000;
    bytes = 12;
  }
  append_character(unescaped_, static_cast<std::uint32_t>(code));
  at_ += bytes;
  return true;
}

bool Decoder::push_value() {
  switch (token_) {
    case Token::kString:
      push(lua_, string_);
      return true;
    case Token::kNumber:
      lua_pushnumber(lua_, number_);
      return true;
    case Token::kBoolean:
      lua_pushboolean(lua_, boolean_ ? 1 : 0);
      return true;
    case Token::kNull:
      if (settings_.null_is_userdata) {
        lua_pushlightuserdata(lua_, nullptr);
      } else {
        lua_pushnil(lua_);
      }
      return true;
    case Token::kObjectBegin:
      return push_object();
    case Token::kArrayBegin:
      return push_array();
    default:
      return fail("value");
  }
}

bool Decoder::descend(int slots) {
  ++depth_;
  if (depth_ <= settings_.decode_depth_max && lua_checkstack(lua_, slots) != 0) return true;
  error_ = fmt::format("Found too many nested data structures ({}) at character {}", depth_, at_ - begin_);
  return false;
}

bool Decoder::push_object() {
  if (!descend(4)) return false;
  lua_newtable(lua_);
  next();
  while (token_ != Token::kObjectEnd) {
    if (token_ != Token::kString) return fail("object key string");
    push(lua_, string_);
    next();
    if (token_ != Token::kColon) return fail("colon");
    next();
    if (!push_value()) return false;
    lua_rawset(lua_, -3);
    next();
    if (token_ == Token::kObjectEnd) break;
    if (token_ != Token::kComma) return fail("comma or object end");
    next();
    // No comma stands before the end.
    if (token_ == Token::kObjectEnd) return fail("object key string");
  }
  --depth_;
  return true;
}

bool Decoder::push_array() {
  if (!descend(3)) return false;
  lua_newtable(lua_);
  if (settings_.arrays_have_metatable) {
    push_array_metatable(lua_);
    lua_setmetatable(lua_, -2);
  }
  next();
  for (int i = 1; token_ != Token::kArrayEnd; ++i) {
    if (!push_value()) return false;
    lua_rawseti(lua_, -2, i);
    next();
    if (token_ == Token::kArrayEnd) break;
    if (token_ != Token::kComma) return fail("comma or array end");
    next();
    if (token_ == Token::kArrayEnd) return fail("value");
  }
  --depth_;
  return true;
}

}  // namespace

std::string decode_cjson(lua_State* lua, const CjsonSettings& settings, std::string_view text) {
  if (text.size() >= 2 && (text[0] == '\0' || text[1] == '\0'))
    return "JSON parser does not support UTF-16 or UTF-32";
  Decoder decoder(lua, settings, text);
  return decoder.decode() ? std::string() : std::move(decoder.error());
}

}  // namespace apisix::lua
