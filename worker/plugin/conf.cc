#include "worker/plugin/conf.h"

#include "shared/format/read.h"
#include "shared/format/regex.h"

namespace apisix::plugin {

using format::Json;

const Json& Conf::json(const char* name) const {
  return format::find_member(*value_, name);
}

bool Conf::has(const char* name) const {
  return !json(name).isNull();
}

bool Conf::flag(const char* name) const {
  return format::is_true(json(name));
}

std::string Conf::text(const char* name) const {
  return format::string_of(json(name));
}

std::optional<std::string> Conf::find_text(const char* name) const {
  if (!json(name).isString()) return std::nullopt;
  return text(name);
}

double Conf::real(const char* name) const {
  return format::number_of(json(name));
}

std::int64_t Conf::signed_number(const char* name, std::int64_t min, std::int64_t max) const {
  return format::clamped<std::int64_t>(json(name), min, max);
}

std::uint64_t Conf::unsigned_number(const char* name, std::uint64_t min, std::uint64_t max) const {
  return format::clamped<std::uint64_t>(json(name), min, max);
}

std::vector<std::string> Conf::list(const char* name) const {
  std::vector<std::string> out;
  for (const Json& element : json(name)) out.push_back(format::string_of(element));
  return out;
}

Conf Conf::member(const char* name) const {
  return Conf(json(name));
}

std::vector<Conf> Conf::items(const char* name) const {
  std::vector<Conf> out;
  for (const Json& element : json(name)) out.emplace_back(element);
  return out;
}

format::LazyRegex Conf::regexes(const char* name, const format::RegexOptions& options) const {
  std::string all;
  for (const std::string& pattern : list(name)) all += (all.empty() ? "" : "|") + pattern;
  return format::LazyRegex(std::move(all), options);
}

base::Status Conf::check_regexes(const char* name) const {
  for (const std::string& pattern : list(name)) {
    if (auto regex = format::Regex::compile(pattern); !regex) return std::unexpected(regex.error());
  }
  return {};
}

}  // namespace apisix::plugin
