#include "shared/format/json_fault.h"

#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/format/json.h"

namespace apisix::format {
namespace {

// cjson's, as its messages name them.
enum class Token : unsigned char {
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
  kError
};

const char* name_of(Token token) {
  switch (token) {
    case Token::kObjectBegin:
      return "T_OBJ_BEGIN";
    case Token::kObjectEnd:
      return "T_OBJ_END";
    case Token::kArrayBegin:
      return "T_ARR_BEGIN";
    case Token::kArrayEnd:
      return "T_ARR_END";
    case Token::kString:
      return "T_STRING";
    case Token::kNumber:
      return "T_NUMBER";
    case Token::kBoolean:
      return "T_BOOLEAN";
    case Token::kNull:
      return "T_NULL";
    case Token::kColon:
      return "T_COLON";
    case Token::kComma:
      return "T_COMMA";
    case Token::kEnd:
      return "T_END";
    case Token::kError:
      break;
  }
  return "T_ERROR";
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::string run() {
    next();
    if (!value(0)) return fault_;
    next();
    if (token_ != Token::kEnd) expected("the end");
    return fault_;
  }

 private:
  bool expected(const char* what) {
    fault_ = fmt::format("Expected {} but found {} at character {}", what,
                         token_ == Token::kError ? error_ : name_of(token_), at_ + 1);
    return false;
  }

  bool value(int depth) {
    switch (token_) {
      case Token::kString:
      case Token::kNumber:
      case Token::kBoolean:
      case Token::kNull:
        return true;
      case Token::kObjectBegin:
        return depth < kJsonDepthMax && object(depth + 1);
      case Token::kArrayBegin:
        return depth < kJsonDepthMax && array(depth + 1);
      default:
        return expected("value");
    }
  }

  bool object(int depth) {
    next();
    if (token_ == Token::kObjectEnd) return true;
    for (;;) {
      if (token_ != Token::kString) return expected("object key string");
      next();
      if (token_ != Token::kColon) return expected("colon");
      next();
      if (!value(depth)) return false;
      next();
      if (token_ == Token::kObjectEnd) return true;
      if (token_ != Token::kComma) return expected("comma or object end");
      next();
    }
  }

  bool array(int depth) {
    next();
    if (token_ == Token::kArrayEnd) return true;
    for (;;) {
      if (!value(depth)) return false;
      next();
      if (token_ == Token::kArrayEnd) return true;
      if (token_ != Token::kComma) return expected("comma or array end");
      next();
    }
  }

  void fail(const char* error) {
    token_ = Token::kError;
    error_ = error;
    at_ = position_;
  }

  void next() {
    while (position_ < text_.size() && std::string_view(" \t\r\n").contains(text_[position_])) ++position_;
    at_ = position_;
    if (position_ == text_.size()) {
      token_ = Token::kEnd;
      return;
    }
    static constexpr std::string_view kSigns = "{}[]:,";
    static constexpr Token kSignTokens[] = {Token::kObjectBegin, Token::kObjectEnd, Token::kArrayBegin,
                                            Token::kArrayEnd,    Token::kColon,     Token::kComma};
    const char c = text_[position_];
    if (const auto sign = kSigns.find(c); sign != kSigns.npos) {
      token_ = kSignTokens[sign];
      ++position_;
    } else if (c == '"') {
      scan_string();
    } else if (c == '-' || base::is_digit(c)) {
      scan_number();
    } else if (!word("true", Token::kBoolean) && !word("false", Token::kBoolean) &&
               !word("null", Token::kNull)) {
      fail("invalid token");
    }
  }

  bool word(std::string_view name, Token token) {
    if (!text_.substr(position_).starts_with(name)) return false;
    position_ += name.size();
    token_ = token;
    return true;
  }

  // As far as strtod() would go; a sign alone is none.
  void scan_number() {
    const std::size_t begin = position_;
    static constexpr std::string_view kInside = "0123456789+-.eExXabcdfABCDF";
    while (position_ < text_.size() && kInside.contains(text_[position_])) ++position_;
    if (position_ == begin + 1 && text_[begin] == '-') {
      position_ = begin;
      return fail("invalid number");
    }
    token_ = Token::kNumber;
  }

  void scan_string() {
    for (++position_; position_ < text_.size() && text_[position_] != '"'; ++position_) {
      if (text_[position_] != '\\') continue;
      const char escape = position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
      if (escape == 'u' && !four_digits(position_ + 2)) return fail("invalid unicode escape code");
      if (!std::string_view("\"\\/bfnrtu").contains(escape)) return fail("invalid escape code");
      position_ += escape == 'u' ? 5 : 1;
    }
    if (position_ >= text_.size()) {
      position_ = text_.size();
      return fail("unexpected end of string");
    }
    ++position_;
    token_ = Token::kString;
  }

  bool four_digits(std::size_t from) const {
    if (from + 4 > text_.size()) return false;
    for (const char c : text_.substr(from, 4)) {
      const char lower = base::to_lower(c);
      if (!base::is_digit(c) && (lower < 'a' || lower > 'f')) return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  Token token_ = Token::kEnd;
  std::size_t at_ = 0;  // of the token, or of what is wrong in it
  const char* error_ = "";
  std::string fault_;
};

}  // namespace

std::string describe_json_fault(std::string_view text) {
  return Scanner(text).run();
}

std::string json_refusal(std::string_view text, const std::string& why) {
  std::string fault = describe_json_fault(text);
  return fault.empty() ? why : fault;
}

}  // namespace apisix::format
