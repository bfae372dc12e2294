#include "worker/diagnose/findings.h"

#include <algorithm>
#include <tuple>

namespace apisix::diagnose {
namespace {

using format::Json;

constexpr std::array<std::string_view, 3> kSeverityNames = {"error", "warning", "info"};

}  // namespace

std::string_view name_of(Severity severity) {
  return kSeverityNames[static_cast<std::size_t>(severity)];
}

void Findings::add(Finding finding) {
  if (++counts_[static_cast<std::size_t>(finding.severity)] <= kListedMax)
    list_.push_back(std::move(finding));
}

Json Findings::to_json() const {
  std::vector<const Finding*> sorted;
  for (const Finding& finding : list_) sorted.push_back(&finding);
  std::ranges::sort(sorted, {}, [](const Finding* finding) {
    return std::make_tuple(finding->severity, finding->kind, std::string_view(finding->id), finding->code,
                           std::string_view(finding->text));
  });
  Json out(::Json::objectValue);
  Json& rows = out["findings"] = Json(::Json::arrayValue);
  for (const Finding* finding : sorted) {
    Json row(::Json::objectValue);
    row["severity"] = std::string(name_of(finding->severity));
    row["code"] = std::string(finding->code);
    row["kind"] = std::string(resource::info_of(finding->kind).name);
    row["id"] = finding->id;
    row["text"] = finding->text;
    row["hint"] = finding->hint;
    rows.append(std::move(row));
  }
  std::size_t total = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    out["counts"][std::string(kSeverityNames[i])] = static_cast<::Json::UInt64>(counts_[i]);
    total += counts_[i];
  }
  out["left_out"] = static_cast<::Json::UInt64>(total - list_.size());
  return out;
}

}  // namespace apisix::diagnose
