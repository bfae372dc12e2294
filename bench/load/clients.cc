// Many clients of one gateway in one process: keepalive connections from as many loopback addresses as it
// takes, and requests at a fixed rate over all of them in turn. One thread, epoll.
//   clients PORT PATH N    the gateway is at 127.0.0.1:PORT, its clients from 127.0.0.1 + N on
// Each line of the standard input is a command, each gets one line of JSON:
//   open N       opens N connections more
//   ask          one request on every connection, few of them at a time
//   pace R S     R requests a second for S seconds; a latency counts from when its request was due
//   close        closes them all
// It reads only responses with Content-Length: it is a measuring device, not a client.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

// Of the 28,000 ports that one has: the kernel looks for a free one, and the fuller the longer.
constexpr std::size_t kPerAddress = 2'000;
// A listening socket has a backlog; without a pause the client would fill it before the gateway runs.
constexpr std::size_t kOpenedAtOnce = 64;
constexpr useconds_t kOpenPauseUs = 2000;
constexpr std::size_t kAskedAtOnce = 32;
constexpr std::size_t kSentAtOnce = 16;
constexpr std::int64_t kGraceNs = 2'000'000'000;  // for the last responses

struct Connection {
  int fd = -1;
  std::int64_t due_ns = 0;  // of the request under way; 0: none
  std::string in;           // the begin of a response that came in pieces
};

struct Result {
  std::size_t requests = 0;
  std::size_t errors = 0;
  std::vector<std::int64_t> latencies_ns;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// The bytes of a whole response at the begin of `text`; 0: some are missing.
std::size_t response_bytes(std::string_view text) {
  constexpr std::string_view kLength = "content-length:";
  const std::size_t end = text.find("\r\n\r\n");
  if (end == text.npos) return 0;
  const std::string_view head = text.substr(0, end);
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  const auto at = std::ranges::search(head, kLength, same);
  const std::size_t body = at.empty() ? 0 : std::strtoul(&*at.end(), nullptr, 10);
  return text.size() >= end + 4 + body ? end + 4 + body : 0;
}

class Clients {
 public:
  Clients(int port, std::string_view path, std::uint32_t first_address)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        request_("GET " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        first_address_(INADDR_LOOPBACK + first_address) {
    gateway_.sin_family = AF_INET;
    gateway_.sin_port = htons(static_cast<std::uint16_t>(port));
    gateway_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }

  void open(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      all_.push_back(std::make_unique<Connection>());
      connect(*all_.back(), all_.size() - 1);
      if (i % kOpenedAtOnce == kOpenedAtOnce - 1) ::usleep(kOpenPauseUs);
    }
  }

  Result ask() {
    result_ = {};
    next_ = 0;
    while (next_ < all_.size() || under_way_ > 0) {
      while (next_ < all_.size() && under_way_ < kAskedAtOnce) send(*all_[next_++], now_ns());
      if (!wait(now_ns() + kGraceNs)) break;
    }
    return finished();
  }

  Result pace(double per_second, double seconds) {
    result_ = {};
    const std::int64_t begin = now_ns();
    const auto count = static_cast<std::size_t>(per_second * seconds);
    const double step_ns = 1e9 / per_second;
    for (std::size_t sent = 0; sent < count;) {
      const auto due = begin + static_cast<std::int64_t>(static_cast<double>(sent) * step_ns);
      if (now_ns() < due) {
        wait(due);
      } else if (Connection* idle = next_idle()) {
        send(*idle, due);
        if (++sent % kSentAtOnce == 0) wait(0);  // late or not, responses are read when they come
      } else if (!wait(now_ns() + kGraceNs)) {
        break;  // no connection is left, or none gets a response
      }
    }
    const std::int64_t last = now_ns() + kGraceNs;
    while (under_way_ > 0 && now_ns() < last) wait(last);
    return finished();
  }

  void close() {
    for (const auto& each : all_) end(*each);
    all_.clear();
  }

  std::size_t open_count() const {
    return static_cast<std::size_t>(std::ranges::count_if(all_, [](const auto& c) { return c->fd >= 0; }));
  }

 private:
  void connect(Connection& connection, std::size_t number) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(first_address_ + static_cast<std::uint32_t>(number / kPerAddress));
    const int on = 1;
    const linger reset{.l_onoff = 1, .l_linger = 0};  // leaves no port in TIME_WAIT for the next listener
    connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) die("socket");
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::setsockopt(connection.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(connection.fd, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) die("bind");
    if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&gateway_), sizeof gateway_) != 0)
      die("connect");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  // Its request, if there was one, gets no response.
  void end(Connection& connection) {
    if (connection.fd >= 0) ::close(connection.fd);
    connection.fd = -1;
    if (connection.due_ns == 0) return;
    connection.due_ns = 0;
    --under_way_;
    ++result_.errors;
  }

  void send(Connection& connection, std::int64_t due_ns) {
    if (connection.fd < 0) {
      ++result_.errors;
      return;
    }
    connection.due_ns = due_ns;
    ++under_way_;
    const auto size = static_cast<ssize_t>(request_.size());
    if (::send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL) != size) end(connection);
  }

  // In turn, so that each is used; null: all wait for a response.
  Connection* next_idle() {
    for (std::size_t looks = 0; looks < all_.size(); ++looks) {
      next_ = next_ + 1 < all_.size() ? next_ + 1 : 0;
      if (all_[next_]->fd >= 0 && all_[next_]->due_ns == 0) return all_[next_].get();
    }
    return nullptr;
  }

  void receive(Connection& connection) {
    char buffer[16384];
    const ssize_t got = ::recv(connection.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(connection);
    connection.in.append(buffer, static_cast<std::size_t>(got));
    const std::size_t bytes = response_bytes(connection.in);
    if (bytes == 0 || connection.due_ns == 0) return;
    if (!connection.in.starts_with("HTTP/1.1 200")) ++result_.errors;
    result_.latencies_ns.push_back(now_ns() - connection.due_ns);
    ++result_.requests;
    --under_way_;
    connection.due_ns = 0;
    std::string().swap(connection.in);
  }

  // Until something comes, at most until `until_ns`; false when nothing did.
  bool wait(std::int64_t until_ns) {
    epoll_event events[256];
    const std::int64_t left = std::max<std::int64_t>(until_ns - now_ns(), 0);
    const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    const int ready = ::epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
    for (int i = 0; i < ready; ++i) receive(*static_cast<Connection*>(events[i].data.ptr));
    return ready > 0;
  }

  Result finished() {
    result_.errors += under_way_;
    return std::move(result_);
  }

  const int epoll_;
  const std::string request_;
  const std::uint32_t first_address_;
  sockaddr_in gateway_{};
  std::vector<std::unique_ptr<Connection>> all_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  Result result_;
};

void print(Result result) {
  std::ranges::sort(result.latencies_ns);
  const auto percentile_us = [&](double part) {
    if (result.latencies_ns.empty()) return 0.0;
    const auto at = static_cast<std::size_t>(part * static_cast<double>(result.latencies_ns.size() - 1));
    return static_cast<double>(result.latencies_ns[at]) / 1e3;
  };
  std::printf("{\"requests\": %zu, \"errors\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
              result.requests, result.errors, percentile_us(0.5), percentile_us(0.99), percentile_us(1));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("usage: clients PORT PATH N\n", stderr);
    return 2;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  Clients clients(std::atoi(arguments[1]), arguments[2], static_cast<std::uint32_t>(std::atoi(arguments[3])));
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  char line[256];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const std::string_view command = line;
    double first = 0;
    double second = 0;
    if (command.starts_with("ask")) {
      print(clients.ask());
      continue;
    }
    if (std::sscanf(line, "pace %lf %lf", &first, &second) == 2) {
      print(clients.pace(first, second));
      continue;
    }
    if (std::sscanf(line, "open %lf", &first) == 1) clients.open(static_cast<std::size_t>(first));
    if (command.starts_with("close")) clients.close();
    std::printf("{\"open\": %zu}\n", clients.open_count());
  }
}
