#include "shared/settings/report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "shared/format/read.h"

namespace apisix::settings {

bool is_secret_path(std::string_view path) {
  static constexpr std::array<std::string_view, 6> kSecrets = {"key",        "password",   "token",
                                                               "secret_key", "access_key", "Authorization"};
  if (path.find("keyring") != path.npos) return true;
  const std::string_view last = path.substr(path.find_last_of('.') + 1);
  return std::ranges::find(kSecrets, last) != kSecrets.end();
}

std::string describe(const Json& value) {
  constexpr std::size_t kShownMax = 60;
  switch (value.type()) {
    case ::Json::nullValue:
      return "nothing";
    case ::Json::booleanValue:
      return format::is_true(value) ? "true" : "false";
    case ::Json::arrayValue:
      return value.empty() ? "an empty list" : "a list";
    case ::Json::objectValue:
      return "a map";
    case ::Json::stringValue: {
      std::string text = format::string_of(value);
      if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "...";
      return "\"" + text + "\"";
    }
    default:
      return "the number " + format::to_json(value);
  }
}

std::string Report::located(std::string_view path, std::string_view what) const {
  const int line = user_.line_of(path);
  const std::string place = line > 0 ? fmt::format("{}:{}", file_, line) : file_;
  return path.empty() ? fmt::format("{}: {}", place, what) : fmt::format("{}: {}: {}", place, path, what);
}

void Report::fault(std::string_view path, std::string_view what) {
  if (!path.empty() && !faulty_paths_.emplace(path).second) return;
  faults_.emplace(user_.line_of(path), located(path, what));
}

void Report::expected(std::string_view path, std::string_view expected, const Json& got) {
  const bool hidden = is_secret_path(path) && (got.isString() || got.isNumeric());
  fault(path,
        fmt::format("expected {}, got {}", expected, hidden ? "something else (not shown)" : describe(got)));
}

void Report::warn(std::string_view path, std::string_view what) {
  warnings_.push_back(located(path, what));
}

void Report::note_at(std::string_view path, std::string_view what) {
  notes_.push_back(located(path, what));
}

std::string Report::faults_text() const {
  std::string text;
  for (const auto& [line, fault] : faults_) {
    if (!text.empty()) text += '\n';
    text += fault;
  }
  return text;
}

}  // namespace apisix::settings
