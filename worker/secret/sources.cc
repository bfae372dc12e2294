#include "worker/secret/sources.h"

#include "shared/base/check.h"

namespace apisix::secret {

std::unexpected<base::Error> no_secret(std::string what) {
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kUpstream, std::move(what));
}

std::unexpected<base::Error> refused(std::string_view manager, unsigned status) {
  std::string what = std::string(manager) + " answered with status " + std::to_string(status);
  if (status >= 400 && status < 500 && status != 408 && status != 429) return no_secret(std::move(what));
  return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream, std::move(what), true);
}

base::Result<Json> member_of(const std::string& text, const std::string& name) {
  const auto object = format::parse_json(text);
  if (!object) return no_secret("the secret holds no JSON");
  const Json& member = format::find_member(*object, name);
  if (member.isNull()) return no_secret("the secret's JSON has no member " + name);
  return member;
}

bool Sources::has(std::string_view manager) {
  return manager == "vault" || manager == "aws" || manager == "gcp";
}

async::Task<base::Result<Json>> Sources::read(const Reference& reference, Json conf) {
  CHECK(has(reference.manager));
  if (reference.manager == "vault") return read_vault(http_, std::move(conf), reference.key);
  if (reference.manager == "aws") return read_aws(http_, clock_, std::move(conf), reference.key);
  return google_.read(std::move(conf), reference.key);
}

}  // namespace apisix::secret
