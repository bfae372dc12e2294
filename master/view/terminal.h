// What standard output is: a terminal, how large, and whether it gets colours.
#pragma once

#include <cstddef>

#include "master/view/text_table.h"

namespace apisix::master {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

bool output_is_terminal();
// 80 x 24 when the terminal does not know.
TerminalSize terminal_size();
// A pipe is as wide as it must be and has no colours; a terminal has its width, and colours unless NO_COLOR
// is set or TERM is "dumb".
TextStyle output_style();

}  // namespace apisix::master
