#include "shared/settings/admin_key.h"

#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <sys/random.h>

#include "shared/base/file.h"
#include "shared/base/text.h"
#include "shared/format/yaml.h"
#include "shared/settings/merge.h"

namespace apisix::settings {
namespace {

constexpr std::size_t kKeyLength = 32;
constexpr std::array<std::string_view, 2> kSections = {"deployment.admin.admin_key", "apisix.admin_key"};

bool is_empty_key(const Json& key) {
  return key.isNull() || key == "";
}

// An edit of config.yaml's text is right when the text then means exactly what it is meant to.
bool means(const std::string& text, const Json& wanted) {
  const auto parsed = format::parse_yaml(text, "", format::YamlLines::kSkip);
  return parsed && parsed->value == wanted;
}

// The text as lines, each with its "\n" (the last may lack it).
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = text.find('\n', start);
    const std::size_t next = end == std::string::npos ? text.size() : end + 1;
    lines.push_back(text.substr(start, next - start));
    start = next;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::size_t indent_of(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// How many characters of `text` are an empty YAML value: '' "" ~ null, or none at all.
std::size_t empty_value_length(std::string_view text) {
  for (const std::string_view form : {"''", "\"\"", "~", "null", "Null", "NULL"}) {
    if (text.starts_with(form)) return form.size();
  }
  return 0;
}

// The line with `key` as the value of a member "key" that is empty there, for each such place.
std::vector<std::string> filled_lines(const std::string& line, const std::string& key) {
  std::vector<std::string> out;
  for (std::size_t at = line.find("key"); at != std::string::npos; at = line.find("key", at + 1)) {
    std::size_t colon = at + 3;
    if (colon < line.size() && (line[colon] == '"' || line[colon] == '\'')) ++colon;
    if (colon >= line.size() || line[colon] != ':') continue;
    const std::size_t value = std::min(line.find_first_not_of(' ', colon + 1), line.size());
    const std::size_t length = empty_value_length(std::string_view(line).substr(value));
    // What followed the colon directly, such as a comment, keeps its distance.
    const std::size_t rest = length > 0 ? value + length : colon + 1;
    out.push_back(fmt::format("{} \"{}\"{}", line.substr(0, colon + 1), key, line.substr(rest)));
  }
  return out;
}

// Replaces the empty value that stands on line `number` (from 1).
std::optional<std::string> with_filled_value(const std::string& text, int number, const std::string& key,
                                             const Json& wanted) {
  std::vector<std::string> lines = lines_of(text);
  if (number < 1 || static_cast<std::size_t>(number) > lines.size()) return std::nullopt;
  const std::string original = lines[number - 1];
  for (const std::string& candidate : filled_lines(original, key)) {
    lines[number - 1] = candidate;
    if (std::string edited = joined(lines); means(edited, wanted)) return edited;
  }
  return std::nullopt;
}

// Inserts `block` (lines without indentation) before line `number`, indented by `indent`.
std::optional<std::string> with_block(const std::string& text, int number, std::size_t indent,
                                      const std::vector<std::string>& block, const Json& wanted) {
  std::vector<std::string> lines = lines_of(text);
  if (number < 1 || static_cast<std::size_t>(number) > lines.size() + 1) return std::nullopt;
  if (!lines.empty() && !lines.back().ends_with('\n')) lines.back() += '\n';
  std::string inserted;
  for (const std::string& line : block) inserted += std::string(indent, ' ') + line + "\n";
  lines.insert(lines.begin() + (number - 1), inserted);
  std::string edited = joined(lines);
  if (!means(edited, wanted)) return std::nullopt;
  return edited;
}

// The entry is there but has no member "key": put one before its first member's line, or behind it.
std::optional<std::string> with_key_member(const std::string& text, const format::Yaml& yaml,
                                           const std::string& entry, const Json& members,
                                           const std::string& key, const Json& wanted) {
  for (const std::string& name : members.getMemberNames()) {
    const int line = yaml.line_of(entry + "." + name);
    const std::vector<std::string> lines = lines_of(text);
    if (line < 1 || static_cast<std::size_t>(line) > lines.size()) continue;
    const std::size_t column = lines[line - 1].find(name);
    auto edited = with_block(text, line + 1, column, {fmt::format("key: \"{}\"", key)}, wanted);
    if (edited) return edited;
  }
  return std::nullopt;
}

// No admin_key anywhere: a new section, in the map of the file that is nearest to its place.
std::optional<std::string> with_section(const std::string& text, const format::Yaml& yaml,
                                        const std::string& key, const Json& wanted) {
  const std::vector<std::string> block = {"deployment:",
                                          "  admin:",
                                          "    admin_key:",
                                          "      - name: admin",
                                          fmt::format("        key: \"{}\"", key),
                                          "        role: admin"};
  static constexpr std::array<std::string_view, 2> kParents = {"deployment.admin", "deployment"};
  for (std::size_t i = 0; i < kParents.size(); ++i) {
    const Json& parent = at_path(yaml.value, kParents[i]);
    if (!parent.isObject() || parent.empty()) continue;
    std::vector<std::string> part(block.begin() + static_cast<std::ptrdiff_t>(kParents.size() - i),
                                  block.end());
    const std::size_t own_indent = indent_of(part.front());
    for (std::string& line : part) line.erase(0, own_indent);
    for (const std::string& child : parent.getMemberNames()) {
      const int line = yaml.line_of(fmt::format("{}.{}", kParents[i], child));
      const std::vector<std::string> lines = lines_of(text);
      if (line < 1 || static_cast<std::size_t>(line) > lines.size()) continue;
      if (auto edited = with_block(text, line, indent_of(lines[line - 1]), part, wanted)) return edited;
    }
  }
  const int end = static_cast<int>(lines_of(text).size()) + 1;
  return with_block(text, end, 0, block, wanted);
}

std::unexpected<base::Error> cannot_edit(std::string_view why) {
  return base::invalid(
      fmt::format("cannot write the generated key into deployment.admin.admin_key ({}); set a key "
                  "there by hand",
                  why));
}

base::Result<std::string> with_entry_filled(const std::string& text, const format::Yaml& yaml,
                                            std::string_view section, std::size_t index,
                                            const std::string& key) {
  const Json& list = at_path(yaml.value, section);
  if (!list.isArray() || index >= list.size()) return cannot_edit("the file has no such entry");
  const auto position = static_cast<::Json::ArrayIndex>(index);
  const Json& entry = list[position];
  if (!entry.isObject()) return cannot_edit("the entry is not a map");
  if (!is_empty_key(format::find_member(entry, "key")))
    return cannot_edit("its value is not written as an empty text");
  Json wanted = yaml.value;
  (*make_path(wanted, section))[position]["key"] = key;
  const std::string path = fmt::format("{}[{}]", section, index);
  const bool has_member = entry.isMember("key");
  auto edited = has_member ? with_filled_value(text, yaml.line_of(path + ".key"), key, wanted)
                           : with_key_member(text, yaml, path, entry, key, wanted);
  if (!edited) return cannot_edit("the file is written in an unusual way");
  return *std::move(edited);
}

}  // namespace

base::Result<std::string> random_admin_key() {
  // 62 characters; a byte of 248 or more is drawn again, so that each is as likely.
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr unsigned kFairBytes = 256 - 256 % kLetters.size();
  std::string key;
  while (key.size() < kKeyLength) {
    unsigned char byte = 0;
    if (::getrandom(&byte, 1, 0) != 1) return base::system_error("getrandom", errno);
    if (byte < kFairBytes) key += kLetters[byte % kLetters.size()];
  }
  return key;
}

base::Result<std::string> with_admin_key(const std::string& text, std::size_t index, const std::string& key) {
  const auto yaml = format::parse_yaml(text, "config.yaml");
  if (!yaml) return std::unexpected(yaml.error());
  for (const std::string_view section : kSections) {
    if (!at_path(yaml->value, section).isNull()) return with_entry_filled(text, *yaml, section, index, key);
  }
  if (index != 0) return cannot_edit("the file has no such entry");
  Json wanted = yaml->value;
  Json* const list = make_path(wanted, kSections[0]);
  if (list == nullptr) return cannot_edit("deployment is not a map");
  (*list)[0]["name"] = "admin";
  (*list)[0]["key"] = key;
  (*list)[0]["role"] = "admin";
  auto edited = with_section(text, *yaml, key, wanted);
  if (!edited) return cannot_edit("the file is written in an unusual way");
  return *std::move(edited);
}

base::Result<int> fill_empty_admin_keys(Settings& settings, const std::string& config_path) {
  Deployment::Admin& admin = settings.deployment.admin;
  if (!settings.apisix.enable_admin || !admin.admin_key_required) return 0;
  std::string text;
  int generated = 0;
  for (std::size_t i = 0; i < admin.admin_key.size(); ++i) {
    AdminKey& entry = admin.admin_key[i];
    if (entry.role != AdminRole::kAdmin || !entry.key.empty()) continue;
    if (generated == 0) {
      auto read = base::read_file(config_path);
      if (!read) return std::unexpected(read.error());
      text = *std::move(read);
    }
    auto key = random_admin_key();
    if (!key) return std::unexpected(key.error());
    auto edited = with_admin_key(text, i, *key);
    if (!edited) return base::invalid(config_path + ": " + edited.error().what);
    text = *std::move(edited);
    entry.key = *std::move(key);
    ++generated;
  }
  if (generated == 0) return 0;
  if (const auto written = base::replace_file(config_path, text); !written)
    return std::unexpected(written.error());
  return generated;
}

}  // namespace apisix::settings
