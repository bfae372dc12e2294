#include "shared/store/file_snapshot.h"

#include <functional>
#include <string_view>

#include <sys/stat.h>

#include "shared/base/file.h"

namespace apisix::store {
namespace {

base::Result<FileSnapshot> snapshot_of(std::string_view text, const FileStoreOptions& options) {
  auto parsed = resource::parse_document(text, options.path, options.format, options.environment);
  if (!parsed) return std::unexpected(parsed.error());
  FileSnapshot out;
  out.text_hash = std::hash<std::string_view>{}(text);
  resource::Document document = resource::read_document(std::move(parsed->value));
  out.entries.reserve(document.items.size());
  for (resource::DocumentItem& item : document.items) {
    out.entries.push_back({options.prefix + item.key, format::to_json(item.value)});
    item.value = format::Json();
  }
  for (const resource::DocumentFault& fault : document.faults) {
    out.faults.push_back(options.path + ": " + fault.path + ": " + fault.what);
  }
  return out;
}

// It holds keys and passwords: for its owner alone.
std::string keep(std::string_view text, const std::string& path) {
  if (path.empty()) return {};
  if (const auto kept = base::read_file(path); kept && *kept == text) return {};
  const auto replaced = base::replace_file(path, text, 0600);
  return replaced ? std::string() : replaced.error().what;
}

}  // namespace

std::optional<FileIdentity> identify_file(const std::string& path) {
  struct ::stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileIdentity{static_cast<std::uint64_t>(info.st_dev), static_cast<std::uint64_t>(info.st_ino),
                      static_cast<std::int64_t>(info.st_size),
                      info.st_mtim.tv_sec * FileIdentity::kNanosecondsPerSecond + info.st_mtim.tv_nsec};
}

base::Result<FileSnapshot> read_snapshot(const FileStoreOptions& options) {
  const auto before = identify_file(options.path);
  const auto text = base::read_file(options.path);
  if (!text) return std::unexpected(text.error());
  if (!before || before != identify_file(options.path)) {
    return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kStore,
                      options.path + " was changed while it was read", true);
  }
  auto snapshot = snapshot_of(*text, options);
  if (!snapshot) return snapshot;
  snapshot->identity = *before;
  snapshot->keep_trouble = keep(*text, options.last_good_path);
  return snapshot;
}

base::Result<FileSnapshot> read_last_good(const FileStoreOptions& options) {
  const auto text = base::read_file(options.last_good_path);
  if (!text) return std::unexpected(text.error());
  return snapshot_of(*text, options);
}

}  // namespace apisix::store
