// Whole small files: read, and replaced so that a reader or a crash sees the old text or the new one.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace apisix::base {

// Error kNotFound when there is none, kTooLarge above `bytes_max`, kIo otherwise.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max = std::size_t{256} << 20);

// Writes a temporary file beside `path`, syncs it and renames it over `path`. Mode and owner of an existing
// file stay, a new one gets `mode`, whatever the umask; a symbolic link stays and its target is replaced, by
// the rules of open_file.h. A file that cannot be renamed over because it is a mount point (a container's
// single-file volume) is rewritten in place.
Status replace_file(const std::string& path, std::string_view text, unsigned mode = 0644);

}  // namespace apisix::base
