// What loading found wrong or worth saying, each with its place in the file. Owned by load.cc and passed
// down; collecting goes on after a fault, so that one attempt shows all of them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"
#include "shared/format/yaml.h"

namespace apisix::settings {

using format::Json;

class Report {
 public:
  Report(std::string file, const format::Yaml& user) : file_(std::move(file)), user_(user) {}

  // "FILE:LINE: PATH: WHAT"; the line is that of PATH or its nearest ancestor in the user's file. Only the
  // first fault of a path is kept: the others follow from it.
  void fault(std::string_view path, std::string_view what);
  // The same with "expected EXPECTED, got VALUE"; values of secrets are not printed.
  void expected(std::string_view path, std::string_view expected, const Json& got);
  void warn(std::string_view path, std::string_view what);
  void note(std::string what) { notes_.push_back(std::move(what)); }
  // A note with the place of PATH before it.
  void note_at(std::string_view path, std::string_view what);

  bool has_faults() const { return !faults_.empty(); }
  // One per line, in the order of the file's lines.
  std::string faults_text() const;
  std::vector<std::string> take_warnings() { return std::move(warnings_); }
  std::vector<std::string> take_notes() { return std::move(notes_); }

 private:
  std::string located(std::string_view path, std::string_view what) const;

  const std::string file_;
  const format::Yaml& user_;
  std::multimap<int, std::string> faults_;  // by line
  std::set<std::string, std::less<>> faulty_paths_;
  std::vector<std::string> warnings_;
  std::vector<std::string> notes_;
};

// A value as text: the number 12, "text", a list, a map, nothing. Long text is cut.
std::string describe(const Json& value);

// Whether a key's value must not be printed: keys, passwords, tokens.
bool is_secret_path(std::string_view path);

}  // namespace apisix::settings
