// The content of a proto object: the text of one .proto file, or the base64 of a compiled set of files (what
// `protoc --descriptor_set_out` writes), for files that import others. Protocol Buffers' library stops here.
#pragma once

#include <string_view>

#include "shared/base/result.h"

namespace apisix::format {

// Does it compile? The error says line and column of the text, from 1 on, and what is wrong.
base::Status check_proto(std::string_view content);

}  // namespace apisix::format
