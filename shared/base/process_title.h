// The title that ps shows, in nginx's words: "apisix: worker process". Written over the memory of the
// process's own arguments and environment, which is where the kernel reads it from.
#pragma once

#include <string_view>

namespace apisix::base {

// Once, first thing in main(): moves the environment elsewhere and remembers the room that it leaves.
// Until it is called, set_process_title() does nothing.
void keep_room_for_process_title(int argc, char** argv);

// "worker process" is shown as "apisix: worker process"; what does not fit is cut.
void set_process_title(std::string_view title);

}  // namespace apisix::base
