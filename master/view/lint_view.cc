#include "master/view/lint_view.h"

#include <fmt/format.h>

#include "shared/format/read.h"

namespace apisix::master {
namespace {

using format::find_member;
using format::Json;

std::string finding_text(const Json& object, std::string_view name) {
  const Json& value = find_member(object, name);
  return value.isString() ? printable(format::string_of(value)) : std::string();
}

std::uint64_t number(const Json& object, std::string_view name) {
  const Json& value = find_member(object, name);
  return format::integer_of<std::uint64_t>(value).value_or(0);
}

Tone severity_tone(std::string_view severity) {
  if (severity == "error") return Tone::kBad;
  return severity == "warning" ? Tone::kWarning : Tone::kPlain;
}

}  // namespace

bool has_faults(const Json& report) {
  const Json& counts = find_member(report, "counts");
  return number(counts, "error") + number(counts, "warning") > 0;
}

std::vector<std::string> lint_lines(const Json& report, const TextStyle& style) {
  std::vector<std::string> out;
  const Json& findings = find_member(report, "findings");
  if (!findings.empty()) {
    TextTable table({{"SEVERITY"},
                     {"CODE"},
                     {"OBJECT"},
                     {"WHAT", TextTable::Side::kLeft, true},
                     {"HINT", TextTable::Side::kLeft, true}});
    for (const Json& finding : findings) {
      const std::string severity = finding_text(finding, "severity");
      table.add({TextTable::Cell(severity, severity_tone(severity)), finding_text(finding, "code"),
                 finding_text(finding, "kind") + " " + finding_text(finding, "id"),
                 finding_text(finding, "text"), finding_text(finding, "hint")});
    }
    out = table.lines(style);
    if (const std::uint64_t more = number(report, "left_out"); more > 0) {
      out.push_back(fmt::format("and {} more", more));
    }
    out.push_back("");
  }
  std::uint64_t objects = 0;
  const Json& checked = find_member(report, "checked");
  for (const std::string& plural :
       checked.isObject() ? checked.getMemberNames() : std::vector<std::string>()) {
    objects += number(checked, plural);
  }
  const Json& counts = find_member(report, "counts");
  out.push_back(fmt::format("{} objects: {} errors, {} warnings, {} remarks", objects,
                            number(counts, "error"), number(counts, "warning"), number(counts, "info")));
  return out;
}

}  // namespace apisix::master
