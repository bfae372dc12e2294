#include "privileged-agent/jobs/metrics_endpoint.h"

#include <array>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/unique_fd.h"
#include "shared/event/timer_wheel.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/memory/instance_metrics.h"
#include "shared/net/socket.h"

namespace apisix::agent {
namespace {

constexpr std::size_t kScrapesMax = 64;
constexpr std::size_t kHeadBytesMax = 8192;
constexpr std::uint64_t kScrapeTimeoutMs = 30'000;

std::string make_answer(std::string_view status, std::string_view type, std::string_view body,
                        bool with_body) {
  std::string out = "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
                    "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  if (with_body) out += body;
  return out;
}

}  // namespace

struct MetricsEndpoint::Port {
  Port(MetricsEndpoint& endpoint, event::Loop& loop, int fd)
      : owner(endpoint), listener(fd), watch(loop, &Port::on_event, this) {}
  static void on_event(void* self, bool, bool) {
    auto* port = static_cast<Port*>(self);
    port->owner.accept_on(port->listener);
  }
  MetricsEndpoint& owner;
  const int listener;  // the context's
  event::IoWatch watch;
};

// One connection: reads a head, writes an answer, goes.
class MetricsEndpoint::Scrape {
 public:
  Scrape(MetricsEndpoint& endpoint, event::Loop& loop, base::UniqueFd fd)
      : endpoint_(endpoint),
        fd_(std::move(fd)),
        watch_(loop, &Scrape::on_event, this),
        timer_(loop.timers(), [](void* self) { static_cast<Scrape*>(self)->end(); }, this) {
    watch_.start(fd_.get());
    timer_.set_after_ms(kScrapeTimeoutMs);
  }

 private:
  static void on_event(void* self, bool, bool) {
    auto* scrape = static_cast<Scrape*>(self);
    scrape->answer_.empty() ? scrape->read() : scrape->write();
  }

  void end() {
    watch_.stop();
    endpoint_.end(*this);
  }

  void read() {
    std::array<char, 4096> bytes;
    const net::IoResult got = net::read_some(fd_.get(), bytes);
    if (got.kind == net::IoResult::Kind::kAgain) return;
    if (got.kind != net::IoResult::Kind::kDone) return end();
    head_.append(bytes.data(), got.bytes);
    switch (scanner_.scan(head_)) {
      case http::HeadScanner::Result::kBad:
        return end();
      case http::HeadScanner::Result::kNeedMore:
        if (head_.size() > kHeadBytesMax) end();
        return;
      case http::HeadScanner::Result::kFound:
        answer_ = endpoint_.answer(head_);
        watch_.want_write(true);
        return write();
    }
  }

  void write() {
    while (sent_ < answer_.size()) {
      const iovec piece = net::piece(std::string_view(answer_).substr(sent_));
      const net::IoResult result = net::write_some(fd_.get(), {&piece, 1});
      if (result.kind == net::IoResult::Kind::kError) return end();
      if (result.bytes == 0) return;  // later
      sent_ += result.bytes;
    }
    end();
  }

  MetricsEndpoint& endpoint_;
  base::UniqueFd fd_;
  event::IoWatch watch_;
  event::Timer timer_;
  http::HeadScanner scanner_{http::HeadKind::kRequest};
  std::string head_;
  std::string answer_;
  std::size_t sent_ = 0;
};

MetricsEndpoint::MetricsEndpoint(event::Loop& loop, const channel::AgentContext& context)
    : loop_(loop), settings_(context.settings.prometheus), zones_(context.zones) {
  for (const channel::ListenSocket& socket : context.sockets) {
    if (socket.purpose == channel::ListenSocket::Purpose::kMetrics) {
      ports_.push_back(std::make_unique<Port>(*this, loop, socket.fd));
    }
  }
}

MetricsEndpoint::~MetricsEndpoint() = default;

void MetricsEndpoint::serve() {
  for (auto& port : ports_) port->watch.start(port->listener);
}

void MetricsEndpoint::stop() {
  for (auto& port : ports_) port->watch.stop();
}

void MetricsEndpoint::accept_on(int fd) {
  for (;;) {
    base::UniqueFd client(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.get() < 0) return;
    if (scrapes_.size() >= kScrapesMax) continue;  // closed: somebody is playing with us
    scrapes_.push_back(std::make_unique<Scrape>(*this, loop_, std::move(client)));
  }
}

void MetricsEndpoint::end(Scrape& scrape) {
  scrapes_.remove_if([&scrape](const auto& one) { return one.get() == &scrape; });
}

std::string MetricsEndpoint::answer(std::string_view head) const {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return make_answer("400 Bad Request", "text/plain", "", true);
  }
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, second - first - 1);
  target = target.substr(0, target.find('?'));
  if ((method != "GET" && method != "HEAD") || target != settings_.export_uri) {
    return make_answer("404 Not Found", "text/plain", "{\"error_msg\":\"404 Not Found\"}\n",
                       method != "HEAD");
  }
  return make_answer("200 OK", "text/plain; version=0.0.4; charset=utf-8",
                     memory::instance_metrics_text(zones_, settings_.metric_prefix), method != "HEAD");
}

}  // namespace apisix::agent
