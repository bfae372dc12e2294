#include "worker/secret/reference.h"

#include <cstdlib>

#include "shared/base/text.h"
#include "shared/format/read.h"

namespace apisix::secret {
namespace {

constexpr std::string_view kSecret = "$secret://";
constexpr std::string_view kEnvironment = "$env://";

std::unexpected<base::Error> missing(std::string what) {
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kGateway, std::move(what));
}

}  // namespace

bool is_environment_reference(std::string_view text) {
  return base::equals_ignore_case(text.substr(0, kEnvironment.size()), kEnvironment);
}

base::Result<Reference> parse_reference(std::string_view text) {
  if (!text.starts_with(kSecret)) return base::invalid("error secret_uri prefix: " + std::string(text));
  const std::string_view path = text.substr(kSecret.size());
  const auto first = path.find('/');
  if (first == path.npos) return base::invalid("error format: no secret manager");
  const auto second = path.find('/', first + 1);
  if (second == path.npos) return base::invalid("error format: no secret conf id");
  if (second + 1 == path.size()) return base::invalid("error format: no secret key id");
  return Reference{std::string(path.substr(0, first)),
                   std::string(path.substr(first + 1, second - first - 1)),
                   std::string(path.substr(second + 1))};
}

base::Result<format::Json> read_environment(std::string_view reference) {
  const std::string_view path = reference.substr(kEnvironment.size());
  const auto slash = path.find('/');
  const std::string name(path.substr(0, slash));
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return missing("the environment has no variable " + name);
  if (slash == path.npos || slash + 1 == path.size()) return format::Json(value);
  const auto object = format::parse_json(value);
  if (!object) return missing("the variable " + name + " holds no JSON");
  const format::Json& member = format::find_member(*object, path.substr(slash + 1));
  if (member.isNull()) return missing("the variable " + name + " has no such member");
  return member;
}

std::string expand_environment(const std::string& text) {
  if (!is_environment_reference(text)) return text;
  const auto value = read_environment(text);
  return value && value->isString() ? format::string_of(*value) : text;
}

}  // namespace apisix::secret
