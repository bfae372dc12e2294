#include "master/view/status_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "master/view/figures.h"
#include "shared/base/version.h"

namespace apisix::master {
namespace {

using inspect::InstanceStatus;
using inspect::ProcessStatus;
using memory::ChildRole;
using memory::ChildState;
using Side = TextTable::Side;
using Verdict = InstanceStatus::Verdict;

constexpr std::size_t kTitleColumns = 13;

std::string age_between(std::uint64_t now_ms, std::uint64_t then_ms) {
  return age_text(now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0);
}

double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return seconds > 0 && now > before ? static_cast<double>(now - before) / seconds : 0;
}

Tone tone_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kReady:
      return Tone::kGood;
    case Verdict::kDegraded:
      return Tone::kWarning;
    case Verdict::kNotReady:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

Tone tone_of(ChildState state) {
  switch (state) {
    case ChildState::kReady:
      return Tone::kGood;
    case ChildState::kGone:
      return Tone::kBad;
    case ChildState::kStarting:
      return Tone::kWarning;
    case ChildState::kDraining:
    case ChildState::kFree:
      break;
  }
  return Tone::kDim;
}

// The block above the table.
class Summary {
 public:
  explicit Summary(const TextStyle& style) : style_(style) {}
  void add(std::string_view title, const std::string& text, Tone tone = Tone::kPlain) {
    const std::string name = fmt::format("{:<{}}", title, kTitleColumns);
    const std::size_t room = style_.columns > kTitleColumns ? style_.columns - kTitleColumns : 0;
    const std::string shown = printable(text);
    lines_.push_back(painted(name, Tone::kBold, style_) +
                     painted(room == 0 ? shown : cut(shown, room), tone, style_));
  }
  std::vector<std::string> take_lines() { return std::move(lines_); }

 private:
  const TextStyle& style_;
  std::vector<std::string> lines_;
};

std::string config_text(const InstanceStatus& now) {
  const std::string_view source = memory::name_of(now.source());
  if (source.empty()) return "not known yet";
  if (now.revision() == 0) return fmt::format("{}, nothing yet", source);
  return fmt::format("{}, revision {} on all workers, in force for {}", source, now.revision(),
                     age_between(now.at_ms, now.applied_at_ms()));
}

std::string file_text(const InstanceStatus& now) {
  std::string out = fmt::format("read {} ago", age_between(now.at_ms, now.configured_at_ms));
  const memory::Change& change = now.change;
  if (change.serial == 0) return out;
  out += fmt::format("; last {} {} ago: {}", memory::name_of(change.kind),
                     age_between(now.at_ms, change.at_ms), memory::name_of(change.state));
  return change.why.empty() ? out : out + ", " + change.why;
}

// "": none is about to end.
std::string certificates_text(const InstanceStatus& now) {
  std::string out;
  if (now.certificates_ended() > 0) out = count_text(now.certificates_ended()) + " have ended";
  if (now.certificates_ending() > 0) {
    out += (out.empty() ? "" : ", ") + count_text(now.certificates_ending()) + " end within 30 days";
  }
  return out.empty() ? out : out + ", see apisix lint";
}

void add_status(Summary& summary, const InstanceStatus& now) {
  const Tone tone = tone_of(now.verdict());
  const std::vector<std::string> reasons = now.reasons();
  std::string first(inspect::name_of(now.verdict()));
  if (!reasons.empty()) first += ": " + reasons.front();
  summary.add("Status", first, tone);
  for (std::size_t i = 1; i < reasons.size(); ++i) summary.add("", reasons[i], tone);
}

std::vector<TextTable::Cell> row_of(const ProcessStatus& process, const TwoSamples& samples) {
  const std::uint64_t now_ms = samples.now.at_ms;
  const bool is_gone = process.state == ChildState::kGone;
  std::vector<TextTable::Cell> row = {
      InstanceStatus::name_of(process),
      process.pid > 0 ? std::to_string(process.pid) : "",
      {std::string(memory::name_of(process.state)), tone_of(process.state)},
      std::to_string(process.generation),
      is_gone ? "" : age_between(now_ms, process.started_at_ms),
      process.role == ChildRole::kMaster ? std::string() : std::to_string(process.deaths)};
  if (process.role != ChildRole::kWorker || is_gone) {
    row.resize(row.size() + 4, TextTable::Cell(""));
    return row;
  }
  row.emplace_back(process.revision > 0 ? std::to_string(process.revision) : "");
  row.emplace_back(process.applied_at_ms > 0 ? age_between(now_ms, process.applied_at_ms) : "");
  row.emplace_back(std::to_string(process.traffic.active));
  row.emplace_back(samples.seconds() > 0 ? rate_text(samples.request_rate(process)) : "");
  return row;
}

}  // namespace

double TwoSamples::seconds() const {
  return now.at_ms > before.at_ms ? static_cast<double>(now.at_ms - before.at_ms) / 1000 : 0;
}

double TwoSamples::request_rate() const {
  return rate(before.traffic.requests, now.traffic.requests, seconds());
}

double TwoSamples::request_rate(const ProcessStatus& process) const {
  const auto known = std::ranges::find(before.processes, process.pid, &ProcessStatus::pid);
  const std::uint64_t then = known == before.processes.end() ? 0 : known->traffic.requests;
  return rate(then, process.traffic.requests, seconds());
}

std::vector<std::string> status_lines(const TwoSamples& samples, const TextStyle& style) {
  const InstanceStatus& now = samples.now;
  Summary summary(style);
  add_status(summary, now);
  summary.add("Running",
              fmt::format("APISIX {}, for {}, generation {}, master process {}", base::kCompatibleVersion,
                          age_between(now.at_ms, now.started_at_ms), now.generation, now.master));
  summary.add("Config", config_text(now));
  summary.add("config.yaml", file_text(now));
  const memory::Totals& traffic = now.traffic;
  summary.add("Connections",
              fmt::format("{} open, {} of them idle; {} since the start", count_text(traffic.active),
                          count_text(traffic.waiting), count_text(traffic.accepted)));
  std::string requests = count_text(traffic.requests) + " since the start";
  if (samples.seconds() > 0) requests = rate_text(samples.request_rate()) + " per second, " + requests;
  summary.add("Requests", requests);
  if (const std::string io_uring = now.io_uring_text(); !io_uring.empty()) summary.add("io_uring", io_uring);
  if (const std::string certificates = certificates_text(now); !certificates.empty()) {
    summary.add("Certificates", certificates, now.certificates_ended() > 0 ? Tone::kBad : Tone::kWarning);
  }
  if (now.deaths > 0) {
    summary.add("Crashes", count_text(now.deaths) + " since the start, see error.log", Tone::kWarning);
  }
  TextTable table({{"PROCESS"},
                   {"PID", Side::kRight},
                   {"STATE"},
                   {"GEN", Side::kRight},
                   {"UPTIME", Side::kRight},
                   {"DEATHS", Side::kRight},
                   {"REVISION", Side::kRight},
                   {"AGE", Side::kRight},
                   {"CONNS", Side::kRight},
                   {"REQ/S", Side::kRight}});
  for (const ProcessStatus& process : now.processes) table.add(row_of(process, samples));
  std::vector<std::string> out = summary.take_lines();
  out.emplace_back();
  std::ranges::move(table.lines(style), std::back_inserter(out));
  return out;
}

format::Json status_json(const TwoSamples& samples) {
  format::Json out = inspect::to_json(samples.now);
  if (samples.seconds() > 0) out["requests_per_s"] = std::round(samples.request_rate() * 10) / 10;
  return out;
}

}  // namespace apisix::master
