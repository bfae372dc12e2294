#include "privileged-agent/small_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/unique_fd.h"
#include "shared/event/timer_wheel.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/status.h"
#include "shared/net/socket.h"

namespace apisix::agent {
namespace {

// At a time. Scrapers and probes are done in milliseconds: the oldest of so many is none.
constexpr std::size_t kExchangesMax = 64;
constexpr std::size_t kHeadBytesMax = 8192;
constexpr std::uint64_t kExchangeTimeoutMs = 30'000;

// Behind each slice: the next tick of the timers. What else runs on the core has it for itself meanwhile.
constexpr std::uint64_t kPauseMs = 1;

struct Line {
  std::string_view method;
  std::string_view path;
  bool is_http_11 = false;
};

// Of this thread: what others run meanwhile on a busy core makes no slice shorter.
std::uint64_t spent_us() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<std::uint64_t>(spent.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(spent.tv_nsec) / 1000;
}

// The request line; nothing: it is none.
std::optional<Line> parse_line(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const std::string_view target = line.substr(first + 1, second - first - 1);
  return Line{.method = line.substr(0, first),
              .path = target.substr(0, target.find('?')),
              .is_http_11 = line.substr(second + 1) != "HTTP/1.0"};
}

// `framing`: its line, or nothing where the end of the connection is the end of the body.
std::string head_of(const SmallResponse& response, std::string_view framing) {
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}Connection: close\r\n\r\n", response.status,
                     http::reason_phrase(static_cast<std::uint16_t>(response.status)), response.type,
                     framing);
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

// One connection:
//
//   reading ----> sending ----> closed
//                  |    ^
//   taken by the   v    |  the next tick: the next slice of the body
//   socket       paused -
class SmallServer::Exchange {
 public:
  Exchange(SmallServer& server, event::Loop& loop, base::UniqueFd fd, const base::IpAddress& peer_ip)
      : server_(server),
        fd_(std::move(fd)),
        peer_ip_(peer_ip),
        watch_(loop, &Exchange::on_event, this),
        timeout_(
            loop.timers(), [](void* self) { static_cast<Exchange*>(self)->end(); }, this),
        pause_(loop.timers(), [](void* self) { static_cast<Exchange*>(self)->on_pause_over(); }, this) {
    watch_.start(fd_.get());
    timeout_.set_after_ms(kExchangeTimeoutMs);
  }

  // Its request is not there yet.
  bool is_silent() const { return state_ == State::kReading; }

 private:
  enum class State : std::uint8_t { kReading, kSending, kPaused };
  // How a body ends whose length is not known when its head is sent.
  enum class Framing : std::uint8_t { kChunks, kClose };

  static void on_event(void* self, bool, bool) {
    auto* exchange = static_cast<Exchange*>(self);
    exchange->state_ == State::kReading ? exchange->read() : exchange->write();
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
        return respond();
    }
  }

  // What fits into the first slice has its length in the head. A scraper that leaves is found by the next
  // write; until then its half-closed connection must not wake the loop.
  void respond() {
    watch_.want_read(false);
    const auto line = parse_line(head_);
    SmallResponse response =
        line ? server_.handler_({line->method, line->path, peer_ip_}) : SmallResponse{400, "text/plain", {}};
    body_ = std::move(response.body);
    source_ = std::move(response.source);
    fill();
    const bool is_head = line && line->method == "HEAD";
    framing_ = line && line->is_http_11 ? Framing::kChunks : Framing::kClose;
    if (source_ == nullptr) {
      out_ = head_of(response, fmt::format("Content-Length: {}\r\n", body_.size()));
      if (!is_head) out_ += body_;
      body_.clear();
    } else {
      out_ = head_of(response, framing_ == Framing::kChunks ? "Transfer-Encoding: chunked\r\n" : "");
      if (is_head) source_ = nullptr;
      if (!is_head) append_body();
    }
    state_ = State::kSending;
    write();
  }

  // One slice of the body.
  void fill() {
    const std::uint64_t until_us = spent_us() + kSliceUs;
    while (source_ != nullptr) {
      if (!source_->append(body_)) source_ = nullptr;
      if (body_.size() >= kSliceBytes || spent_us() >= until_us) return;
    }
  }

  void append_body() {
    if (framing_ == Framing::kClose) {
      out_ += body_;
    } else {
      if (!body_.empty()) {
        std::array<char, http::kChunkLineBytesMax> line;
        out_.append(line.data(), http::write_chunk_line(body_.size(), line.data()));
        out_.append(body_).append(http::kChunkEnd);
      }
      if (source_ == nullptr) out_ += http::kLastChunk;
    }
    body_.clear();
  }

  void on_pause_over() {
    timeout_.set_after_ms(kExchangeTimeoutMs);  // it gets on
    out_.clear();
    sent_ = 0;
    fill();
    append_body();
    state_ = State::kSending;
    write();
  }

  void write() {
    while (sent_ < out_.size()) {
      const iovec piece = net::piece(std::string_view(out_).substr(sent_));
      const net::IoResult result = net::write_some(fd_.get(), {&piece, 1});
      if (result.kind == net::IoResult::Kind::kError) return end();
      if (result.bytes == 0) return watch_.want_write(true);  // later
      sent_ += result.bytes;
    }
    if (source_ == nullptr) return end();
    watch_.want_write(false);
    state_ = State::kPaused;
    pause_.set_after_ms(kPauseMs);
  }

  SmallServer& server_;
  base::UniqueFd fd_;
  const base::IpAddress peer_ip_;
  event::IoWatch watch_;
  event::Timer timeout_;
  event::Timer pause_;
  http::HeadScanner scanner_{http::HeadKind::kRequest};
  State state_ = State::kReading;
  Framing framing_ = Framing::kClose;
  std::string head_;
  std::string body_;                    // of the slice
  std::unique_ptr<BodySource> source_;  // null: the body ends with the slice
  std::string out_;                     // on its way
  std::size_t sent_ = 0;                // of out_
};

SmallResponse small_page(int status) {
  const std::string title =
      fmt::format("{} {}", status, http::reason_phrase(static_cast<std::uint16_t>(status)));
  return {status, "text/html",
          fmt::format("<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>"
                      "\r\n</body>\r\n</html>\r\n",
                      title)};
}

SmallServer::SmallServer(event::Loop& loop, std::span<const channel::ListenSocket> sockets,
                         channel::ListenSocket::Purpose purpose, Handler handler)
    : loop_(loop), handler_(std::move(handler)) {
  for (const channel::ListenSocket& socket : sockets) {
    if (socket.purpose == purpose) ports_.push_back(std::make_unique<Port>(*this, loop, socket.fd));
  }
}

SmallServer::~SmallServer() = default;

void SmallServer::serve() {
  for (auto& port : ports_) port->watch.start(port->listener);
}

void SmallServer::drain(std::function<void()> on_idle) {
  for (auto& port : ports_) port->watch.stop();
  on_idle_ = std::move(on_idle);
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
  if (on_idle_ && is_idle()) on_idle_();
}

}  // namespace apisix::agent
