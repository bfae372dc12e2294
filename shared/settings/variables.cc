#include "shared/settings/variables.h"

#include <vector>

#include <fmt/format.h>

#include "shared/format/read.h"
#include "shared/settings/check.h"

namespace apisix::settings {
namespace {

using format::Replaced;

class Walker {
 public:
  Walker(const EnvironmentLookup& environment, Variables& used, Report& report)
      : environment_(environment), used_(used), report_(report) {}

  // Pairs of paths: what was renamed, and to what.
  std::vector<std::pair<std::string, std::string>> renamed;

  void walk(const std::string& path, Json& value) {
    if (value.isString()) return replace_value(path, value);
    if (value.isArray()) {
      for (::Json::ArrayIndex i = 0; i < value.size(); ++i) walk(fmt::format("{}[{}]", path, i), value[i]);
    }
    if (value.isObject()) walk_members(path, value);
  }

 private:
  void walk_members(const std::string& path, Json& map) {
    for (const std::string& name : map.getMemberNames()) {
      const std::string own_path = path.empty() ? name : path + "." + name;
      walk(own_path, map[name]);
      const Replaced key = format::replace_variables(name, environment_, used_);
      report_missing(own_path, key);
      if (!key.missing.empty() || key.text == name) continue;
      Json moved = std::move(map[name]);
      map.removeMember(name);
      map[key.text] = std::move(moved);
      renamed.emplace_back(own_path, path.empty() ? key.text : path + "." + key.text);
    }
  }

  void replace_value(const std::string& path, Json& value) {
    const Replaced replaced = format::replace_variables(format::string_of(value), environment_, used_);
    report_missing(path, replaced);
    if (!replaced.any) return;
    const Key* const key = find_key_of_path(path);
    const bool holds_text = key != nullptr && (key->kind == Kind::kText || key->kind == Kind::kPlainText);
    value = holds_text || is_secret_path(path) ? Json(replaced.text) : format::typed_value(replaced.text);
  }

  void report_missing(const std::string& path, const Replaced& replaced) {
    if (replaced.missing.empty()) return;
    report_.fault(path, fmt::format("can't find environment variable {}, and no default is given "
                                    "(${{{{{}:=default}}}})",
                                    replaced.missing, replaced.missing));
  }

  const EnvironmentLookup& environment_;
  Variables& used_;
  Report& report_;
};

}  // namespace

void replace_variables(format::Yaml& user, const EnvironmentLookup& environment, Report& report,
                       Variables& used) {
  Walker walker(environment, used, report);
  walker.walk("", user.value);
  for (const auto& [from, to] : walker.renamed) user.rename_lines(from, to);
}

}  // namespace apisix::settings
