#include "shared/format/graphql.h"

#include <algorithm>
#include <optional>
#include <string>

namespace apisix::format {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

enum class TokenKind : std::uint8_t { kEnd, kBad, kName, kNumber, kString, kSign };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // of a sign: one character, or "..."
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  Token next() {
    skip_ignored();
    if (at_ == text_.size()) return {};
    const std::size_t from = at_;
    const char first = text_[at_];
    if (is_name_start(first)) return {TokenKind::kName, take_while(from, is_name)};
    if (is_digit(first) || first == '-') return number(from);
    if (first == '"') return string(from);
    if (text_.substr(at_).starts_with("...")) return sign(3);
    if (std::string_view("!$&():=@[]{|}").contains(first)) return sign(1);
    return {TokenKind::kBad, {}};
  }
  std::size_t line() const {
    return 1 +
           static_cast<std::size_t>(std::ranges::count(text_.substr(0, std::min(at_, text_.size())), '\n'));
  }

 private:
  static bool is_name(char c) { return is_name_start(c) || is_digit(c); }
  static bool is_of_number(char c) { return is_name(c) || c == '.' || c == '+' || c == '-'; }

  // White space, line ends, commas and comments (2.1.7).
  void skip_ignored() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
        ++at_;
      } else {
        return;
      }
    }
  }
  template <typename Is>
  std::string_view take_while(std::size_t from, Is is) {
    while (at_ < text_.size() && is(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }
  Token sign(std::size_t bytes) {
    at_ += bytes;
    return {TokenKind::kSign, text_.substr(at_ - bytes, bytes)};
  }
  Token number(std::size_t from) {
    const std::string_view taken = take_while(from, is_of_number);
    const bool has_digit = std::ranges::any_of(taken, is_digit);
    return {has_digit ? TokenKind::kNumber : TokenKind::kBad, taken};
  }
  Token string(std::size_t from) {
    constexpr std::string_view kBlock = "\"\"\"";
    if (text_.substr(at_).starts_with(kBlock)) return block_string(from);
    for (++at_; at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r'; ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return {TokenKind::kString, text_.substr(from, at_ - from)};
      }
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_, text_.size());
    return {TokenKind::kBad, {}};
  }
  Token block_string(std::size_t from) {
    constexpr std::string_view kQuotes = "\"\"\"";
    std::size_t end = text_.find(kQuotes, from + kQuotes.size());
    while (end != std::string_view::npos && text_[end - 1] == '\\') end = text_.find(kQuotes, end + 1);
    if (end == std::string_view::npos) {
      at_ = text_.size();
      return {TokenKind::kBad, {}};
    }
    at_ = end + kQuotes.size();
    return {TokenKind::kString, text_.substr(from, at_ - from)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// One function for each rule of the grammar; false: the document does not follow it.
class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text), token_(lexer_.next()) {}

  std::optional<GraphqlOperation> parse() {
    GraphqlOperation out;
    while (token_.kind != TokenKind::kEnd) {
      if (!definition(out.definitions == 0 ? &out : nullptr)) return std::nullopt;
      ++out.definitions;
    }
    if (out.definitions == 0) return std::nullopt;
    return out;
  }
  std::size_t line() const { return lexer_.line(); }

 private:
  // Of one set of fields, value or type.
  class Nesting {
   public:
    explicit Nesting(std::size_t& depth) : depth_(depth) { ++depth_; }
    ~Nesting() { --depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    bool is_too_deep() const { return depth_ > kGraphqlDepthMax; }

   private:
    std::size_t& depth_;
  };

  bool is_sign(std::string_view sign) const { return token_.kind == TokenKind::kSign && token_.text == sign; }
  bool is_name() const { return token_.kind == TokenKind::kName; }
  bool is_word(std::string_view word) const { return is_name() && token_.text == word; }
  void advance() { token_ = lexer_.next(); }
  bool take_sign(std::string_view sign) {
    if (!is_sign(sign)) return false;
    advance();
    return true;
  }
  bool take_name(std::string_view* name = nullptr) {
    if (!is_name()) return false;
    if (name != nullptr) *name = token_.text;
    advance();
    return true;
  }

  bool definition(GraphqlOperation* out) {
    if (is_sign("{")) {
      if (out != nullptr) out->type = "query";
      return selections(out);
    }
    if (is_word("fragment")) return fragment(out);
    if (!is_word("query") && !is_word("mutation") && !is_word("subscription")) return false;
    std::string_view type;
    std::string_view name;
    take_name(&type);
    take_name(&name);
    if (out != nullptr) {
      out->type = type;
      out->name = name;
    }
    return variables() && directives() && selections(out);
  }

  bool fragment(GraphqlOperation* out) {
    advance();
    std::string_view name;
    if (is_word("on") || !take_name(&name) || !is_word("on")) return false;
    advance();
    if (out != nullptr) out->name = name;
    return take_name() && directives() && selections(out);
  }

  bool selections(GraphqlOperation* out) {
    const Nesting nesting(depth_);
    if (nesting.is_too_deep() || !take_sign("{") || is_sign("}")) return false;
    while (!take_sign("}")) {
      if (!selection(out)) return false;
    }
    return true;
  }

  bool selection(GraphqlOperation* out) {
    if (take_sign("...")) return spread(out);
    std::string_view name;
    if (!take_name(&name)) return false;
    if (take_sign(":") && !take_name(&name)) return false;  // what came first was an alias
    if (out != nullptr) out->root_fields.push_back(name);
    if (!arguments() || !directives()) return false;
    return !is_sign("{") || selections(nullptr);
  }

  bool spread(GraphqlOperation* out) {
    if (is_name() && !is_word("on")) {
      if (out != nullptr) out->root_fields.push_back(token_.text);
      advance();
      return directives();
    }
    if (is_name()) {
      advance();
      if (!take_name()) return false;
    }
    return directives() && selections(out);
  }

  bool arguments() {
    if (!take_sign("(")) return true;
    if (is_sign(")")) return false;
    while (!take_sign(")")) {
      if (!take_name() || !take_sign(":") || !value()) return false;
    }
    return true;
  }

  bool directives() {
    while (take_sign("@")) {
      if (!take_name() || !arguments()) return false;
    }
    return true;
  }

  bool variables() {
    if (!take_sign("(")) return true;
    if (is_sign(")")) return false;
    while (!take_sign(")")) {
      if (!take_sign("$") || !take_name() || !take_sign(":") || !type()) return false;
      if (take_sign("=") && !value()) return false;
      if (!directives()) return false;
    }
    return true;
  }

  bool type() {
    const Nesting nesting(depth_);
    if (nesting.is_too_deep()) return false;
    if (take_sign("[")) {
      if (!type() || !take_sign("]")) return false;
    } else if (!take_name()) {
      return false;
    }
    take_sign("!");
    return true;
  }

  bool value() {
    const Nesting nesting(depth_);
    if (nesting.is_too_deep()) return false;
    if (take_sign("$")) return take_name();
    if (take_sign("[")) {
      while (!take_sign("]")) {
        if (!value()) return false;
      }
      return true;
    }
    if (take_sign("{")) {
      while (!take_sign("}")) {
        if (!take_name() || !take_sign(":") || !value()) return false;
      }
      return true;
    }
    const bool is_scalar =
        is_name() || token_.kind == TokenKind::kNumber || token_.kind == TokenKind::kString;
    if (is_scalar) advance();
    return is_scalar;
  }

  Lexer lexer_;
  Token token_;
  std::size_t depth_ = 0;
};

}  // namespace

base::Result<GraphqlOperation> parse_graphql(std::string_view document) {
  Parser parser(document);
  if (auto operation = parser.parse()) return std::move(*operation);
  return base::invalid("Syntax error near line " + std::to_string(parser.line()));
}

}  // namespace apisix::format
