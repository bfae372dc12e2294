// DebugFile: keeps the worker's debug mode as conf/debug.yaml says, while it runs: looked at once a second,
// as in APISIX. The last line must be "#END", so that half a file is not read; a file that is wrong changes
// nothing and says so in error.log; one that is taken away turns the mode off. Owned by the worker.
#pragma once

#include <optional>
#include <string>

#include "shared/base/counted.h"
#include "shared/event/loop.h"
#include "shared/store/file_snapshot.h"
#include "worker/plugin/debug_mode.h"

namespace apisix::worker {

class DebugFile {
 public:
  static constexpr std::uint64_t kPollMs = 1000;
  static constexpr std::size_t kBytesMax = std::size_t{1} << 20;

  // `mode` is what requests look at; null when nothing is to be debugged. It outlives this.
  DebugFile(event::Loop& loop, std::string path, base::Ref<const plugin::DebugMode>& mode);

 private:
  void poll();
  base::Status read();

  std::string path_;
  base::Ref<const plugin::DebugMode>& mode_;
  std::optional<store::FileIdentity> known_;
  event::Timer timer_;
};

}  // namespace apisix::worker
