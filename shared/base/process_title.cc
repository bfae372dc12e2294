#include "shared/base/process_title.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

namespace apisix::base {
namespace {

struct Room {
  char* begin = nullptr;
  std::size_t bytes = 0;
};
Room room;

std::vector<char*>& kept_variables() {
  static auto* const kept = new std::vector<char*>();
  return *kept;
}

// The end of the text when it continues the area without a gap, else the old end.
char* extended(char* end, char* text) {
  return text == end ? text + std::strlen(text) + 1 : end;
}

}  // namespace

void keep_room_for_process_title(int argc, char** argv) {
  if (room.begin != nullptr || argc == 0) return;
  char* end = argv[0];
  for (int i = 0; i < argc; ++i) end = extended(end, argv[i]);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    end = extended(end, *variable);
    // Never freed: the environment lives as long as the process. Kept here too, because a variable that
    // is unset later would have no pointer to it, which leak checkers report.
    *variable = ::strdup(*variable);
    kept_variables().push_back(*variable);
  }
  room = {argv[0], static_cast<std::size_t>(end - argv[0])};
}

void set_process_title(std::string_view title) {
  if (room.begin == nullptr) return;
  const std::string whole = "apisix: " + std::string(title);
  const std::size_t length = std::min(whole.size(), room.bytes - 1);
  std::memset(room.begin, 0, room.bytes);
  std::memcpy(room.begin, whole.data(), length);
}

}  // namespace apisix::base
