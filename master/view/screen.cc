#include "master/view/screen.h"

#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "master/view/terminal.h"

namespace apisix::master {
namespace {

constexpr const char* kEnter = "\033[?1049h\033[?25l";
constexpr const char* kLeave = "\033[?25h\033[?1049l";
constexpr int kEnding[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile std::sig_atomic_t resized = 0;
volatile std::sig_atomic_t ended = 0;

void on_signal(int number) {
  (number == SIGWINCH ? resized : ended) = 1;
}

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void listen_to(int number) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

base::Result<Screen> Screen::open() {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0)
    return base::system_error("standard input is no terminal", errno);
  Screen screen(before);
  // Signals wait until wait() looks, so that none comes between its look and its sleep.
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGWINCH);
  for (const int number : kEnding) ::sigaddset(&blocked, number);
  ::sigprocmask(SIG_BLOCK, &blocked, &screen.unblocked_);
  listen_to(SIGWINCH);
  for (const int number : kEnding) listen_to(number);
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_out(kEnter);
  return screen;
}

Screen::Screen(Screen&& other) noexcept
    : before_(std::exchange(other.before_, std::nullopt)), unblocked_(other.unblocked_), key_(other.key_) {}

Screen::~Screen() {
  if (!before_) return;
  write_out(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

// Each line ends by clearing what was behind it, the last one by clearing what was below.
void Screen::draw(const std::vector<std::string>& lines) const {
  const std::size_t rows = terminal_size().rows;
  std::string out = "\033[H";
  for (std::size_t i = 0; i < lines.size() && i < rows; ++i) {
    out += (i > 0 ? "\r\n" : "") + lines[i] + "\033[K";
  }
  write_out(out + "\033[J");
}

Screen::Event Screen::wait(int ms) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const timespec limit{.tv_sec = ms / 1000, .tv_nsec = static_cast<long>(ms % 1000) * 1'000'000};
  const int ready = ::ppoll(&input, 1, &limit, &unblocked_);
  if (ended != 0) return Event::kQuit;
  if (std::exchange(resized, 0) != 0) return Event::kResized;
  if (ready <= 0) return Event::kTime;
  return ::read(STDIN_FILENO, &key_, 1) == 1 ? Event::kKey : Event::kQuit;
}

}  // namespace apisix::master
