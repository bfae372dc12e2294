// file-logger: appends a line of JSON to a file for every request.
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/unique_fd.h"
#include "shared/format/read.h"
#include "worker/plugin/plugin_set.h"
#include "worker/plugins/log/entry_logger.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

constexpr const char* kNoPath = "property \"path\" is not set in either the plugin conf or the metadata";

class FileLogger final : public EntryLogger {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "file-logger", .priority = 399};

  static base::Status check(Json& conf, plugin::ConfScope scope, const plugin::PluginSet& plugins) {
    if (scope == plugin::ConfScope::kMetadata) return {};
    const Json* metadata = plugins.metadata(kInfo.name);
    const bool has_path = find_member(conf, "path").isString() ||
                          (metadata != nullptr && find_member(*metadata, "path").isString());
    if (!has_path) return base::invalid(kNoPath);
    return EntryLogger::check(conf, scope);
  }

  FileLogger(const plugin::Conf& conf, const plugin::BuildContext& context)
      : EntryLogger(conf, context), conf_path_(conf.text("path")) {}

 private:
  void write(std::string line) override {
    if (!open_file()) return;
    line += '\n';
    // One write: lines of several workers do not mix.
    if (::write(file_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      base::log_error("{}", base::system_error("failed to write file: " + path_, errno).error().what);
    }
  }

  std::string configured_path() const {
    std::string path = conf_path_;
    if (path.empty()) {
      if (const auto now = metadata()) path = format::string_of(find_member(now->value, "path"));
    }
    if (!path.empty() && !path.starts_with('/')) path = deps().prefix + "/" + path;
    return path;
  }

  // Again after logs were reopened, and when the metadata says another path.
  bool open_file() {
    const std::string path = configured_path();
    if (path.empty()) {
      base::log_error("{}", kNoPath);
      return false;
    }
    if (file_.get() >= 0 && path == path_ && reopenings_ == deps().log_reopenings) return true;
    file_ = base::UniqueFd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
    path_ = path;
    reopenings_ = deps().log_reopenings;
    if (file_.get() >= 0) return true;
    base::log_error("{}", base::system_error("failed to open file: " + path, errno).error().what);
    return false;
  }

  const std::string conf_path_;  // empty: the metadata's
  std::string path_;
  base::UniqueFd file_;
  std::uint64_t reopenings_ = 0;
};

}  // namespace

const plugin::PluginKind& file_logger = plugin::define<FileLogger>();

}  // namespace apisix::plugins
