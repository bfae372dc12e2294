// Screen: a terminal that is drawn again and again, on its second page, so that what was on it is there again
// at the end. Keys come one by one, without echo. Whatever ends the program gives the terminal back: Ctrl-C
// and a TERM are events here; only a kill -9 cannot be.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <termios.h>

#include "shared/base/result.h"

namespace apisix::master {

class Screen {
 public:
  enum class Event : unsigned char { kTime, kKey, kResized, kQuit };

  // Standard input and output must be terminals. At most one at a time.
  static base::Result<Screen> open();
  ~Screen();
  Screen(Screen&& other) noexcept;
  Screen& operator=(Screen&&) = delete;

  // Draws over what is there, without a flicker; more lines than the terminal has are left out.
  void draw(const std::vector<std::string>& lines) const;
  // Until something happens, at most `ms`.
  Event wait(int ms);
  // Of the last kKey.
  char key() const { return key_; }

 private:
  explicit Screen(const termios& before) : before_(before) {}

  std::optional<termios> before_;  // none: moved away
  sigset_t unblocked_{};           // the mask while it waits
  char key_ = '\0';
};

}  // namespace apisix::master
