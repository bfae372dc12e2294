#include "worker/debug_file.h"

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/format/yaml.h"
#include "shared/resource/document.h"

namespace apisix::worker {

DebugFile::DebugFile(event::Loop& loop, std::string path, base::Ref<const plugin::DebugMode>& mode)
    : path_(std::move(path)),
      mode_(mode),
      timer_(loop.timers(), [](void* self) { static_cast<DebugFile*>(self)->poll(); }, this) {
  poll();
}

void DebugFile::poll() {
  timer_.set_after_ms(kPollMs);
  const auto found = store::identify_file(path_);
  if (found == known_) return;
  known_ = found;
  if (!found) {
    mode_ = nullptr;
  } else if (const auto status = read(); !status) {
    base::log_error("{}: {}; what was in force stays", path_, status.error().what);
  }
}

base::Status DebugFile::read() {
  const auto text = base::read_file(path_, kBytesMax);
  if (!text) return std::unexpected(text.error());
  if (!resource::has_document_end(*text)) return base::invalid("missing valid end flag in file");
  auto parsed = format::parse_yaml(*text, path_, format::YamlLines::kSkip);
  if (!parsed) return std::unexpected(parsed.error());
  auto mode = plugin::DebugMode::make(std::move(parsed->value));
  if (!mode) return std::unexpected(mode.error());
  mode_ = (*mode)->is_off() ? nullptr : std::move(*mode);
  return {};
}

}  // namespace apisix::worker
