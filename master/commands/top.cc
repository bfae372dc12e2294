// apisix top: what passes through the gateway, by route and upstream, again and again. On a terminal a screen
// that is drawn anew; into a pipe, and with -n, one text or one line of JSON after the other.
#include <cmath>
#include <cstdio>

#include <unistd.h>

#include "master/command.h"
#include "master/running.h"
#include "master/serving_master.h"
#include "master/view/screen.h"
#include "master/view/terminal.h"
#include "master/view/traffic_view.h"
#include "shared/base/clock.h"

namespace apisix::master {
namespace {

constexpr double kTopIntervalS = 2;
// The first screen does not keep anybody waiting.
constexpr double kFirstIntervalS = 0.5;

int ms_of(double seconds) {
  return static_cast<int>(std::lround(seconds * 1000));
}

// The zones of the gateway of a prefix, found again when another master serves.
class Observer {
 public:
  explicit Observer(std::string prefix) : prefix_(std::move(prefix)) {}

  base::Result<TrafficSample> sample() {
    if (auto found = find(); !found) return std::unexpected(found.error());
    TrafficSample out;
    out.at_us = base::monotonic_now_us();
    out.add(memory::read_traffic(zones_->traffic));
    out.instance = inspect::read_instance(zones_->status, base::Clock().wall_ms());
    out.checked = read_health(zones_->health, {});
    return out;
  }

 private:
  struct SeenZones {
    memory::StatusZone status;
    memory::MetricZone traffic;
    memory::HealthTable health;
  };

  base::Status find() {
    const auto master = serving_master(prefix_);
    if (!master) return std::unexpected(master.error());
    if (*master == master_) return {};
    zones_.reset();
    auto status = memory::StatusZone::attach(*master);
    if (!status) return std::unexpected(status.error());
    auto zone = memory::Zone::attach(*master, memory::kTrafficZone);
    auto traffic = zone ? memory::MetricZone::open(std::move(*zone)) : std::unexpected(zone.error());
    if (!traffic) return std::unexpected(traffic.error());
    auto health = memory::HealthTable::attach(*master);
    if (!health) return std::unexpected(health.error());
    zones_.emplace(SeenZones{std::move(*status), std::move(*traffic), std::move(*health)});
    master_ = *master;
    return {};
  }

  const std::string prefix_;
  pid_t master_ = 0;
  std::optional<SeenZones> zones_;
};

void print_once(const Traffic& traffic, const TrafficSample& now, TrafficOrder order, bool as_json) {
  if (as_json) {
    std::puts(format::to_json(top_json(traffic, now)).c_str());
  } else {
    print(top_lines(traffic, now, order, 0, output_style()));
  }
  std::fflush(stdout);
}

int print_screens(const Invocation& in, Observer& observer, TrafficSample before, TrafficOrder order) {
  for (std::uint64_t i = 0; in.count == 0 || i < in.count; ++i) {
    const double interval_s = in.interval_s.value_or(i == 0 ? kFirstIntervalS : kTopIntervalS);
    ::usleep(static_cast<useconds_t>(interval_s * 1e6));
    auto now = observer.sample();
    if (!now) return cannot_inspect(now.error());
    if (i > 0 && !in.as_json) std::puts("");
    print_once(Traffic::between(before, *now, order), *now, order, in.as_json);
    if (std::ferror(stdout) != 0) return kExitDone;  // the reader closed the pipe
    before = std::move(*now);
  }
  return kExitDone;
}

std::string keys_line(TrafficOrder order, const TextStyle& style) {
  const std::string text = " q quit   s sort (by " + std::string(name_of(order)) + ")   space now";
  return painted(cut(text, style.columns), Tone::kDim, style);
}

// The interactive screen. Times are counted between looks, whenever those are.
class LiveView {
 public:
  LiveView(Observer& observer, TrafficSample first, TrafficOrder order, int interval_ms)
      : observer_(observer), before_(std::move(first)), order_(order), interval_ms_(interval_ms) {}

  int run() {
    auto screen = Screen::open();
    if (!screen) return failed(screen.error());
    for (Screen::Event event = screen->wait(std::min(interval_ms_, ms_of(kFirstIntervalS)));;
         event = screen->wait(interval_ms_)) {
      if (event == Screen::Event::kQuit || (event == Screen::Event::kKey && on_key(screen->key())))
        return kExitDone;
      if (event == Screen::Event::kTime || wants_sample_) {
        if (auto looked = sample_again(); !looked) {
          {
            const Screen closed = std::move(*screen);
          }
          return cannot_inspect(looked.error());
        }
      }
      draw(*screen);
    }
  }

 private:
  // True: it was the one that ends.
  bool on_key(char key) {
    constexpr char kEndOfFile = '\004';
    if (key == 's') order_ = next(order_);
    wants_sample_ = key == ' ';
    return key == 'q' || key == 'Q' || key == kEndOfFile;
  }

  base::Status sample_again() {
    wants_sample_ = false;
    auto now = observer_.sample();
    if (!now) return std::unexpected(now.error());
    if (now_) before_ = std::move(*now_);
    now_ = std::move(*now);
    return {};
  }

  void draw(const Screen& screen) const {
    const TextStyle style = output_style();
    const std::size_t rows = terminal_size().rows;
    std::vector<std::string> lines;
    if (now_) {
      const Traffic traffic = Traffic::between(before_, *now_, order_);
      lines = top_lines(traffic, *now_, order_, rows > 1 ? rows - 1 : 1, style);
    }
    lines.resize(rows > 1 ? rows - 1 : 0);
    lines.push_back(keys_line(order_, style));
    screen.draw(lines);
  }

  Observer& observer_;
  TrafficSample before_;
  std::optional<TrafficSample> now_;
  TrafficOrder order_;
  int interval_ms_;
  bool wants_sample_ = false;
};

}  // namespace

int run_top(const Invocation& in) {
  const auto order = find_order(in.sort.empty() ? "rate" : in.sort);
  if (!order) {
    std::fprintf(stderr, "apisix: --sort: no such order: %s; see `apisix top --help`\n", in.sort.c_str());
    return kExitUsage;
  }
  Observer observer(in.prefix);
  auto first = observer.sample();
  if (!first) return cannot_inspect(first.error());
  const bool is_live = output_is_terminal() && ::isatty(STDIN_FILENO) == 1 && in.count == 0 && !in.as_json;
  if (!is_live) return print_screens(in, observer, std::move(*first), *order);
  return LiveView(observer, std::move(*first), *order, ms_of(in.interval_s.value_or(kTopIntervalS))).run();
}

}  // namespace apisix::master
