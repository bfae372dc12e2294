// The server behind the gateways of bench/load/compare: epoll, keepalive, as little work as possible.
//   upstream [-n PROCESSES] PORT...   serves each PORT, on every address of this machine, until it is killed
// GET /bytes/N returns N bytes; any other path returns 64. The header X-Upstream is the port that was asked,
// X-Answered how many requests and X-Accepted how many connections there were so far.
// It reads only requests without a body: it is a measuring device, not a server.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t kBytesMax = 16 << 20;

struct Connection {
  int fd = -1;
  int port = 0;
  std::string in;
  std::string out;
  std::size_t sent = 0;
  bool waits_for_write = false;
  bool closes = false;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::size_t answered = 0;
std::size_t accepted = 0;

const std::string& body_of(std::size_t bytes) {
  static std::unordered_map<std::size_t, std::string> bodies;
  std::string& body = bodies[bytes];
  if (body.size() != bytes) body.assign(bytes, 'x');
  return body;
}

std::size_t bytes_of(std::string_view head) {
  constexpr std::string_view kPath = "/bytes/";
  const std::size_t at = head.find(' ') + 1;
  if (head.substr(at, kPath.size()) != kPath) return 64;
  const std::size_t bytes = std::strtoul(head.data() + at + kPath.size(), nullptr, 10);
  return bytes < kBytesMax ? bytes : kBytesMax;
}

bool asks_to_close(std::string_view head) {
  return head.find("Connection: close") != head.npos || head.find("connection: close") != head.npos;
}

void respond(Connection& connection, std::string_view head) {
  const std::string& body = body_of(bytes_of(head));
  ++answered;
  char text[240];
  const int size = std::snprintf(text, sizeof text,
                                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                                 "X-Upstream: %d\r\nX-Answered: %zu\r\nX-Accepted: %zu\r\n\r\n",
                                 body.size(), connection.port, answered, accepted);
  connection.out.append(text, static_cast<std::size_t>(size)).append(body);
  connection.closes = connection.closes || asks_to_close(head);
}

void respond_all(Connection& connection) {
  std::size_t from = 0;
  for (std::size_t end; (end = connection.in.find("\r\n\r\n", from)) != std::string::npos; from = end + 4)
    respond(connection, std::string_view(connection.in).substr(from, end + 4 - from));
  connection.in.erase(0, from);
}

// False when the connection is over.
bool flush(int epoll, Connection& connection) {
  while (connection.sent < connection.out.size()) {
    const ssize_t done = ::send(connection.fd, connection.out.data() + connection.sent,
                                connection.out.size() - connection.sent, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN) return false;
    if (done < 0) break;
    connection.sent += static_cast<std::size_t>(done);
  }
  const bool waits = connection.sent < connection.out.size();
  if (!waits) {
    connection.out.clear();
    connection.sent = 0;
  }
  if (waits != connection.waits_for_write) {
    connection.waits_for_write = waits;
    epoll_event event{.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &connection}};
    ::epoll_ctl(epoll, EPOLL_CTL_MOD, connection.fd, &event);
  }
  return waits || !connection.closes;
}

bool read_some(Connection& connection) {
  char buffer[16384];
  const ssize_t got = ::recv(connection.fd, buffer, sizeof buffer, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
  if (got > 0) connection.in.append(buffer, static_cast<std::size_t>(got));
  return true;
}

void accept_all(int epoll, const Connection& listener) {
  for (;;) {
    const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    ++accepted;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* connection = new Connection;
    connection->fd = fd;
    connection->port = listener.port;
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

int listen_at(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(fd, 4096) != 0) die("listen");
  return fd;
}

void serve(int epoll, Connection& connection) {
  if (read_some(connection)) {
    respond_all(connection);
    if (flush(epoll, connection)) return;
  }
  ::close(connection.fd);
  delete &connection;
}

// Each process has sockets of its own, and leaves with the first one.
void fork_others(int processes) {
  for (int i = 1; i < processes; ++i) {
    if (::fork() != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return;
  }
}

void raise_open_files() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

[[noreturn]] void serve_ports(std::span<char*> ports) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> listeners(ports.size());
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    listeners[i].port = std::atoi(ports[i]);
    listeners[i].fd = listen_at(listeners[i].port);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &listeners[i]}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i].fd, &event);
  }
  epoll_event events[256];
  for (;;) {
    const int ready = ::epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      const bool listens =
          &connection >= listeners.data() && &connection < listeners.data() + listeners.size();
      listens ? accept_all(epoll, connection) : serve(epoll, connection);
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  std::span<char*> ports(arguments + 1, static_cast<std::size_t>(count - 1));
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_files();
  if (ports.size() > 2 && std::strcmp(ports[0], "-n") == 0) {
    fork_others(std::atoi(ports[1]));
    ports = ports.subspan(2);
  }
  serve_ports(ports);
}
