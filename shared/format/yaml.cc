#include "shared/format/yaml.h"

#include <array>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "shared/base/utf8.h"

namespace apisix::format {
namespace {

using base::is_digit;

// Our own faults found while yaml-cpp drives the callbacks; never leaves this file.
struct Fault {
  int line;
  int column;
  std::string what;
};

[[noreturn]] void refuse(const YAML::Mark& mark, std::string what) {
  throw Fault{mark.line + 1, mark.column + 1, std::move(what)};
}

std::size_t count_values(const Json& value) {
  std::size_t count = 1;
  if (value.isArray() || value.isObject()) {
    for (const Json& child : value) count += count_values(child);
  }
  return count;
}

int depth_of(const Json& value) {
  int deepest = 0;
  if (value.isArray() || value.isObject()) {
    for (const Json& child : value) deepest = std::max(deepest, depth_of(child));
    ++deepest;
  }
  return deepest;
}

constexpr std::string_view kMergeKey = "<<";
constexpr std::string_view kPlainTag = "?";  // of a scalar that is not quoted

// Turns yaml-cpp's events into one Json value.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(YamlLines keep_lines) : keep_lines_(keep_lines == YamlLines::kKeep) {}

  Yaml take_result() { return std::move(result_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "expected a key, got null");
    add(mark, Json(), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "an alias cannot be a key");
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias cannot refer to what contains it");
    const Json& value = found->second;
    aliased_values_ += count_values(value);
    if (aliased_values_ > kYamlAliasedValuesMax) {
      refuse(mark, fmt::format("aliases copy more than {} values", kYamlAliasedValuesMax));
    }
    if (static_cast<int>(open_.size()) + depth_of(value) > kYamlDepthMax) refuse_depth(mark);
    add(mark, value, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (expects_key()) return begin_member(mark, tag, text);
    add(mark, typed_scalar(mark, tag, text), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, Json(::Json::arrayValue), anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, Json(::Json::objectValue), anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A map or list that has not ended yet.
  struct Open {
    Json value;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    std::size_t path_length;  // of path_ before this value's own part
    std::string key;          // of a map, between its key and its value
    int key_line = 0;
    bool has_key = false;
    bool merges_next = false;  // the key is a plain "<<"
    std::unordered_map<std::string, int> key_lines = {};
    std::vector<Json> merges = {};  // the values of "<<"
  };

  [[noreturn]] static void refuse_depth(const YAML::Mark& mark) {
    refuse(mark, fmt::format("nested deeper than {} levels", kYamlDepthMax));
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().value.isObject() && !open_.back().has_key;
  }

  void begin_member(const YAML::Mark& mark, const std::string& tag, const std::string& key) {
    Open& map = open_.back();
    map.key_line = mark.line + 1;
    const auto [known, is_new] = map.key_lines.emplace(key, map.key_line);
    if (!is_new) refuse(mark, fmt::format("key \"{}\" is already there, on line {}", key, known->second));
    map.key = key;
    map.has_key = true;
    map.merges_next = key == kMergeKey && tag == kPlainTag;
  }

  // Appends the part of the value that comes next to path_ and notes its line.
  void enter_path(const YAML::Mark& mark) {
    if (open_.empty() || !keep_lines_) return;
    const Open& parent = open_.back();
    int line = mark.line + 1;
    if (parent.value.isArray()) {
      path_ += fmt::format("[{}]", parent.value.size());
    } else {
      if (!path_.empty()) path_ += '.';
      path_ += parent.key;
      line = parent.key_line;
    }
    result_.lines.emplace(path_, line);
  }

  void open(const YAML::Mark& mark, Json empty, YAML::anchor_t anchor) {
    if (expects_key()) refuse(mark, "a map or a list cannot be a key");
    if (static_cast<int>(open_.size()) >= kYamlDepthMax) refuse_depth(mark);
    const std::size_t path_length = path_.size();
    enter_path(mark);
    open_.push_back({std::move(empty), mark, anchor, path_length, {}});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    for (const Json& merge : done.merges) merge_into(done.value, merge, done.mark);
    if (done.anchor != 0) anchors_[done.anchor] = done.value;
    path_.resize(done.path_length);
    attach(std::move(done.value));
  }

  void add(const YAML::Mark& mark, Json value, YAML::anchor_t anchor) {
    const std::size_t path_length = path_.size();
    enter_path(mark);
    path_.resize(path_length);
    if (anchor != 0) anchors_[anchor] = value;
    attach(std::move(value));
  }

  void attach(Json value) {
    if (open_.empty()) {
      result_.value = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.isArray()) {
      parent.value.append(std::move(value));
      return;
    }
    if (parent.merges_next) {
      parent.merges.push_back(std::move(value));
    } else {
      parent.value[parent.key] = std::move(value);
    }
    parent.has_key = false;
  }

  // YAML 1.1 merge: keys that the map has already win, then the earlier of several.
  static void merge_into(Json& map, const Json& source, const YAML::Mark& mark) {
    if (source.isArray()) {
      for (const Json& one : source) {
        if (!one.isObject()) refuse(mark, "\"<<\" takes a map or a list of maps");
        merge_into(map, one, mark);
      }
      return;
    }
    if (!source.isObject()) refuse(mark, "\"<<\" takes a map or a list of maps");
    for (auto member = source.begin(); member != source.end(); ++member) {
      if (!map.isMember(member.name())) map[member.name()] = *member;
    }
  }

  static Json typed_scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text);

  const bool keep_lines_;
  Yaml result_;
  std::string path_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Json> anchors_;
  std::size_t aliased_values_ = 0;
};

// "?" is a plain scalar, "!" a quoted one; the rest are tags that the file wrote.
Json Builder::typed_scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (tag == kPlainTag) return plain_scalar(text);
  if (!tag.starts_with(kCore)) return text;
  const std::string_view kind = std::string_view(tag).substr(kCore.size());
  if (kind == "null") return {};
  if (kind != "bool" && kind != "int" && kind != "float") return text;
  Json value = plain_scalar(text);
  if (kind == "bool" ? value.isBool() : value.isNumeric()) return value;
  refuse(mark, fmt::format("\"{}\" is not a !!{}", text, kind));
}

std::optional<bool> plain_bool(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kTrue = {"true", "True", "TRUE", "yes", "Yes",
                                                            "YES",  "on",   "On",   "ON"};
  static constexpr std::array<std::string_view, 9> kFalse = {"false", "False", "FALSE", "no", "No",
                                                             "NO",    "off",   "Off",   "OFF"};
  for (const std::string_view word : kTrue) {
    if (text == word) return true;
  }
  for (const std::string_view word : kFalse) {
    if (text == word) return false;
  }
  return std::nullopt;
}

Json signed_integer(std::string_view digits, int radix, bool negative) {
  std::int64_t value = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value, radix);
  if (error == std::errc{} && end == last) return Json(static_cast<::Json::Int64>(negative ? -value : value));
  if (end != last || radix != 10) return {};
  // Over 63 bits: a double, as every number is in Lua.
  const double wide = std::strtod(std::string(digits).c_str(), nullptr);
  return negative ? -wide : wide;
}

bool consists_of(std::string_view text, bool (*allowed)(char)) {
  for (const char c : text) {
    if (!allowed(c)) return false;
  }
  return !text.empty();
}

// Null when it is no integer. `text` has no sign and no underscores.
Json plain_integer(std::string_view text, bool negative) {
  const std::string_view rest = text.substr(std::min<std::size_t>(2, text.size()));
  if (text.starts_with("0x")) return signed_integer(rest, 16, negative);
  if (text.starts_with("0b")) return signed_integer(rest, 2, negative);
  if (!consists_of(text, is_digit)) return {};
  const bool octal = text.size() > 1 && text.front() == '0' && text.find_first_of("89") == text.npos;
  return signed_integer(text, octal ? 8 : 10, negative);
}

// Null when it is no decimal fraction or exponent form.
Json plain_float(std::string_view text, bool negative) {
  if (text.find_first_of(".eE") == text.npos) return {};
  if (!is_digit(text.front()) && text.front() != '.') return {};
  const auto value = base::parse_double(text);
  if (!value) return {};
  return negative ? -*value : *value;
}

// A control character, or a byte that belongs to no character (YAML 1.1, 4.1.2: a stream is Unicode).
std::optional<Fault> find_bad_byte(std::string_view text) {
  const std::size_t not_utf8 = base::find_invalid_utf8(text);
  int line = 1;
  int column = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (at == not_utf8) return Fault{line, column, fmt::format("byte 0x{:02x} is not UTF-8", byte)};
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      return Fault{line, column, fmt::format("control character 0x{:02x}", byte)};
    }
    column = byte == '\n' ? 1 : column + 1;
    line += byte == '\n';
  }
  return std::nullopt;
}

std::unexpected<base::Error> located(std::string_view name, int line, int column, std::string_view what) {
  return base::invalid(fmt::format("{}:{}:{}: {}", name, line, column, what));
}

}  // namespace

Json plain_scalar(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (const auto boolean = plain_bool(text)) return *boolean;
  const bool negative = text.front() == '-';
  const std::string_view unsigned_text = text.substr(negative || text.front() == '+' ? 1 : 0);
  if (!unsigned_text.empty() && (is_digit(unsigned_text.front()) || unsigned_text.front() == '.')) {
    std::string digits(unsigned_text);
    std::erase(digits, '_');
    Json number = plain_integer(digits, negative);
    if (number.isNull()) number = plain_float(digits, negative);
    if (!number.isNull()) return number;
  }
  return std::string(text);
}

int Yaml::line_of(std::string_view path) const {
  for (;;) {
    const auto found = lines.find(path);
    if (found != lines.end()) return found->second;
    const auto cut = path.find_last_of(".[");
    if (cut == std::string_view::npos) return 0;
    path = path.substr(0, cut);
  }
}

void Yaml::rename_lines(std::string_view from, std::string_view to) {
  std::vector<std::pair<std::string, int>> moved;
  for (const auto& [path, line] : lines) {
    if (!path.starts_with(from)) continue;
    const std::string_view below = std::string_view(path).substr(from.size());
    if (below.empty() || below.front() == '.' || below.front() == '[') {
      moved.emplace_back(fmt::format("{}{}", to, below), line);
    }
  }
  for (auto& [path, line] : moved) lines.insert_or_assign(std::move(path), line);
}

base::Result<Yaml> parse_yaml(std::string_view text, std::string_view name, YamlLines lines) {
  // yaml-cpp takes 0x04 for the end of the file.
  if (const auto fault = find_bad_byte(text)) {
    return located(name, fault->line, fault->column, fault->what);
  }
  try {
    // The comment at the end: yaml-cpp takes a quoted text that is still open at the end of a line for ended.
    std::istringstream stream(fmt::format("{}\n#", text));
    YAML::Parser parser(stream);
    Builder builder(lines);
    parser.HandleNextDocument(builder);
    Yaml result = builder.take_result();
    Builder rest(YamlLines::kSkip);
    if (parser.HandleNextDocument(rest))
      return located(name, 1, 1, "more than one document (\"---\") in one file");
    return result;
  } catch (const Fault& fault) {
    return located(name, fault.line, fault.column, fault.what);
  } catch (const YAML::Exception& error) {
    return located(name, error.mark.line + 1, error.mark.column + 1, error.msg);
  } catch (const std::exception& error) {
    return located(name, 1, 1, error.what());
  }
}

}  // namespace apisix::format
