#include "worker/admin/ui_files.h"

#include <array>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/base/unique_fd.h"
#include "shared/http/conditional.h"
#include "shared/http/date.h"
#include "worker/limits.h"

namespace apisix::admin {
namespace {

using proxy::LocalResponse;

constexpr std::string_view kUiPath = "/ui";
constexpr std::string_view kIndex = "/index.html";
constexpr std::int64_t kMaxAgeSeconds = 7200;  // APISIX's

struct ContentType {
  std::string_view extension;
  std::string_view type;
};

constexpr ContentType kContentTypes[] = {
    {"html", "text/html"},
    {"htm", "text/html"},
    {"css", "text/css"},
    {"js", "application/javascript"},
    {"mjs", "application/javascript"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"txt", "text/plain"},
    {"xml", "text/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"ico", "image/x-icon"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"wasm", "application/wasm"},
};

struct File {
  base::UniqueFd fd;
  std::size_t bytes = 0;
  std::int64_t modified_s = 0;
};

bool is_absence(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR || error_number == ENAMETOOLONG;
}

// O_NONBLOCK: what is no regular file, a pipe for instance, must not stop the worker.
std::optional<File> find_file(const std::string& path) {
  File file{.fd = base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY))};
  struct stat facts = {};
  if (!file.fd || ::fstat(file.fd.get(), &facts) != 0) {
    if (!is_absence(errno))
      base::log_error("{}", base::system_error("cannot open " + path, errno).error().what);
    return std::nullopt;
  }
  if (!S_ISREG(facts.st_mode)) return std::nullopt;
  file.bytes = static_cast<std::size_t>(facts.st_size);
  file.modified_s = facts.st_mtim.tv_sec;
  return file;
}

// A slice in a turn of the loop: the worker's other clients do not wait for the disk. False: the file was
// cut short, or cannot be read.
async::Task<bool> read_whole(event::Loop& loop, File& file, std::string& out) {
  out.resize(file.bytes);
  std::size_t done = 0;
  while (done < out.size()) {
    if (done > 0) co_await async::Sleep(loop, 0);
    const std::size_t slice = std::min(limits::kUiSliceBytes, out.size() - done);
    const ssize_t count = ::read(file.fd.get(), out.data() + done, slice);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) co_return false;
    done += static_cast<std::size_t>(count);
  }
  co_return true;
}

std::string date_text(std::int64_t unix_seconds) {
  std::array<char, http::kDateBytes> text{};
  http::format_date(unix_seconds, text.data());
  return {text.data(), text.size()};
}

LocalResponse redirect_to_base() {
  LocalResponse response = proxy::page_response(301);
  response.headers.emplace_back("Location",
                                fmt::format("{}/", kUiPath));  // relative: a proxy may be in front
  return response;
}

LocalResponse method_not_allowed() {
  LocalResponse response = proxy::page_response(405);
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

}  // namespace

std::string_view content_type_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  const std::string_view extension = dot == std::string_view::npos ? "" : name.substr(dot + 1);
  for (const ContentType& row : kContentTypes) {
    if (base::equals_ignore_case(row.extension, extension)) return row.type;
  }
  return "application/octet-stream";
}

async::Task<LocalResponse> UiFiles::serve(const proxy::LocalRequest& request) {
  if (request.path == kUiPath) co_return redirect_to_base();
  if (request.method != "GET" && request.method != "HEAD") co_return method_not_allowed();
  std::string_view path = request.path.substr(kUiPath.size());
  auto file = find_file(fmt::format("{}{}", folder_, path));
  if (!file) {
    path = kIndex;
    file = find_file(fmt::format("{}{}", folder_, path));
  }
  if (!file) co_return proxy::page_response(404);

  const std::string etag = fmt::format("\"{:x}-{:x}\"", file->modified_s, file->bytes);
  const auto condition =
      http::evaluate_conditions(*request.headers, {.etag = etag, .last_modified_s = file->modified_s});
  if (condition == http::Condition::kFailed) co_return proxy::page_response(412);
  LocalResponse response{304, "", "", {}};
  if (condition == http::Condition::kHolds) {
    if (*bytes_in_flight_ + file->bytes > limits::kUiBytesInFlightMax) {
      base::log_warn("too many files of the dashboard are on their way: {} is refused", request.path);
      co_return proxy::page_response(503);
    }
    *bytes_in_flight_ += file->bytes;
    response.lease = {nullptr, [count = bytes_in_flight_, bytes = file->bytes](void*) { *count -= bytes; }};
    if (!co_await read_whole(loop_, *file, response.body)) {
      base::log_error("cannot read the whole of {}{}", folder_, path);
      co_return proxy::page_response(500);
    }
    response.status = 200;
    response.content_type = content_type_of(path);
  }
  response.headers = {{"Last-Modified", date_text(file->modified_s)},
                      {"ETag", etag},
                      {"Expires", date_text(loop_.clock().wall_seconds() + kMaxAgeSeconds)},
                      {"Cache-Control", fmt::format("max-age={}", kMaxAgeSeconds)},
                      {"Cache-Control", fmt::format("private,max-age={}", kMaxAgeSeconds)}};
  co_return response;
}

}  // namespace apisix::admin
