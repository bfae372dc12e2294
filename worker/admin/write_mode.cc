#include "worker/admin/write_mode.h"

#include <fmt/format.h>

#include "shared/base/arena.h"
#include "shared/base/text.h"
#include "shared/http/uri.h"

namespace apisix::admin {
namespace {

base::Status read_flag(std::string_view name, std::string_view value, std::optional<bool>& flag) {
  if (value != "true" && value != "false") {
    return base::invalid(fmt::format("invalid argument {}: should be true or false", name));
  }
  const bool is_set = value == "true";
  if (flag && *flag != is_set) return base::invalid(fmt::format("argument {} is given twice", name));
  flag = is_set;
  return {};
}

base::Status read_wait(std::string_view value, std::optional<std::uint64_t>& wait_ms) {
  const auto ms = base::parse_integer<std::uint64_t>(value);
  if (!ms || *ms == 0 || *ms > kWaitMsMax) {
    return base::invalid(fmt::format("invalid argument wait: should be 1 to {} milliseconds", kWaitMsMax));
  }
  if (wait_ms && *wait_ms != *ms) return base::invalid("argument wait is given twice");
  wait_ms = *ms;
  return {};
}

}  // namespace

base::Result<WriteMode> parse_write_mode(std::string_view query) {
  WriteMode out;
  std::optional<bool> is_dry_run;
  base::Arena arena;
  while (const auto arg = http::next_arg(query)) {
    const std::string_view name = http::unescape(arg->name, arena);
    const std::string_view value = http::unescape(arg->value, arena);
    base::Status status;
    if (name == "dry_run") status = read_flag(name, value, is_dry_run);
    if (name == "wait") status = read_wait(value, out.wait_ms);
    if (!status) return std::unexpected(status.error());
  }
  out.is_dry_run = is_dry_run.value_or(false);
  return out;
}

base::Result<std::optional<store::Revision>> parse_if_match(const proxy::LocalRequest& request) {
  const auto* field = request.headers->find("if-match");
  if (field == nullptr) return std::nullopt;
  std::string_view text = field->value;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const auto revision = base::parse_integer<store::Revision>(text);
  if (!revision) return base::invalid("invalid header If-Match: should be a revision");
  return revision;
}

}  // namespace apisix::admin
