#include "privileged-agent/small_server.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shared/base/unique_fd.h"
#include "shared/event/timer_wheel.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/status.h"
#include "shared/net/socket.h"

namespace apisix::agent {
namespace {

// At a time. Scrapers and probes are done in milliseconds: the oldest of so many is none.
constexpr std::size_t kExchangesMax = 64;
constexpr std::size_t kHeadBytesMax = 8192;
constexpr std::uint64_t kExchangeTimeoutMs = 30'000;

std::string text_of(const SmallResponse& response, bool with_body) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                  response.status, http::reason_phrase(static_cast<std::uint16_t>(response.status)),
                  response.type, response.body.size());
  if (with_body) out += response.body;
  return out;
}

}  // namespace

struct SmallServer::Port {
  Port(SmallServer& server, event::Loop& loop, int fd)
      : owner(server), listener(fd), watch(loop, &Port::on_event, this) {}
  static void on_event(void* self, bool, bool) {
    auto* port = static_cast<Port*>(self);
    port->owner.accept_on(port->listener);
  }
  SmallServer& owner;
  const int listener;  // the context's
  event::IoWatch watch;
};

// One connection: reads a head, writes a response, closes.
class SmallServer::Exchange {
 public:
  Exchange(SmallServer& server, event::Loop& loop, base::UniqueFd fd, const base::IpAddress& peer_ip)
      : server_(server),
        fd_(std::move(fd)),
        peer_ip_(peer_ip),
        watch_(loop, &Exchange::on_event, this),
        timer_(loop.timers(), [](void* self) { static_cast<Exchange*>(self)->end(); }, this) {
    watch_.start(fd_.get());
    timer_.set_after_ms(kExchangeTimeoutMs);
  }

  // Its request is not there yet.
  bool is_silent() const { return response_.empty(); }

 private:
  static void on_event(void* self, bool, bool) {
    auto* exchange = static_cast<Exchange*>(self);
    exchange->response_.empty() ? exchange->read() : exchange->write();
  }

  void end() {
    watch_.stop();
    server_.end(*this);
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
        response_ = server_.respond(head_, peer_ip_);
        watch_.want_write(true);
        return write();
    }
  }

  void write() {
    while (sent_ < response_.size()) {
      const iovec piece = net::piece(std::string_view(response_).substr(sent_));
      const net::IoResult result = net::write_some(fd_.get(), {&piece, 1});
      if (result.kind == net::IoResult::Kind::kError) return end();
      if (result.bytes == 0) return;  // later
      sent_ += result.bytes;
    }
    end();
  }

  SmallServer& server_;
  base::UniqueFd fd_;
  const base::IpAddress peer_ip_;
  event::IoWatch watch_;
  event::Timer timer_;
  http::HeadScanner scanner_{http::HeadKind::kRequest};
  std::string head_;
  std::string response_;
  std::size_t sent_ = 0;
};

SmallResponse small_page(int status) {
  const std::string title =
      fmt::format("{} {}", status, http::reason_phrase(static_cast<std::uint16_t>(status)));
  return {status, "text/html",
          fmt::format("<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>"
                      "\r\n</body>\r\n</html>\r\n",
                      title)};
}

SmallServer::SmallServer(event::Loop& loop, const channel::AgentContext& context,
                         channel::ListenSocket::Purpose purpose, Handler handler)
    : loop_(loop), handler_(std::move(handler)) {
  for (const channel::ListenSocket& socket : context.sockets) {
    if (socket.purpose == purpose) ports_.push_back(std::make_unique<Port>(*this, loop, socket.fd));
  }
}

SmallServer::~SmallServer() = default;

void SmallServer::serve() {
  for (auto& port : ports_) port->watch.start(port->listener);
}

void SmallServer::accept_on(int fd) {
  for (;;) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    base::UniqueFd client(
        ::accept4(fd, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.get() < 0) {
      const bool is_full = errno == EMFILE || errno == ENFILE;
      if (is_full && make_room()) continue;
      return;
    }
    if (exchanges_.size() >= kExchangesMax) make_room();
    exchanges_.push_back(
        std::make_unique<Exchange>(*this, loop_, std::move(client), base::IpAddress::of(address)));
  }
}

// A client without a request is closed before one that does not read its response.
bool SmallServer::make_room() {
  if (exchanges_.empty()) return false;
  auto oldest = std::ranges::find_if(exchanges_, [](const auto& one) { return one->is_silent(); });
  if (oldest == exchanges_.end()) oldest = exchanges_.begin();
  exchanges_.erase(oldest);
  return true;
}

void SmallServer::end(Exchange& exchange) {
  exchanges_.remove_if([&exchange](const auto& one) { return one.get() == &exchange; });
}

std::string SmallServer::respond(std::string_view head, const base::IpAddress& peer_ip) const {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return text_of({400, "text/plain", ""}, true);
  }
  std::string_view target = line.substr(first + 1, second - first - 1);
  target = target.substr(0, target.find('?'));
  const std::string_view method = line.substr(0, first);
  return text_of(handler_({method, target, peer_ip}), method != "HEAD");
}

}  // namespace apisix::agent
