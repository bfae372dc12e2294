#include "master/change_report.h"

#include <unistd.h>

#include "master/pid_file.h"
#include "shared/base/clock.h"

namespace apisix::master {
namespace {

using memory::Change;
using memory::ChangeState;

constexpr useconds_t kPollUs = 5'000;

std::unexpected<base::Error> unavailable(std::string what) {
  return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kGateway, std::move(what));
}

std::string_view noun(memory::ChangeKind kind) {
  return kind == memory::ChangeKind::kUpgrade ? "an upgrade" : "a reload";
}

}  // namespace

base::Result<ChangeReport> ChangeReport::of(const std::string& prefix, const Process& master) {
  const bool is_being_replaced = PidFile::old_holder(prefix).pid == master.pid();
  if (is_being_replaced) return unavailable("an upgrade is under way");
  auto zone = memory::StatusZone::attach(master.pid());
  if (!zone) return std::unexpected(zone.error());
  return ChangeReport(master, std::move(*zone));
}

base::Status ChangeReport::change(int signal_number, std::uint64_t timeout_ms) {
  const Change before = zone_.master().change();
  if (before.state == ChangeState::kUnderWay && before.kind == memory::ChangeKind::kUpgrade) {
    return unavailable("an upgrade is under way");
  }
  if (zone_.master().generation.load() == 0) return unavailable("the gateway is starting; try again");
  if (auto sent = master_.signal(signal_number); !sent) return sent;
  const std::uint64_t begun_us = base::monotonic_now_us();
  for (;;) {
    const Change now = zone_.master().change();
    if (now.serial != before.serial && now.state == ChangeState::kDone) return {};
    if (now.serial != before.serial && now.state == ChangeState::kFailed) return unavailable(now.why);
    if (!master_.is_alive()) return unavailable("the master process died; see the error log");
    if (base::monotonic_now_us() - begun_us > timeout_ms * 1000) {
      return base::fail(
          base::ErrorCode::kTimeout, base::ErrorSource::kGateway,
          std::string(now.serial == before.serial ? "the master does not answer"
                                                  : std::string(noun(now.kind)) + " is still under way") +
              " after " + std::to_string(timeout_ms / 1000) + " s");
    }
    ::usleep(kPollUs);
  }
}

}  // namespace apisix::master
