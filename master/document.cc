#include "master/document.h"

#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/settings/config_path.h"
#include "worker/document_faults.h"

namespace apisix::master {
namespace {

base::Status check_readable(const Setup& setup, const std::string& path) {
  // Who cannot enter the prefix will not be the workers' user.
  if (setup.identity && !can_access(*setup.identity, setup.prefix, X_OK)) return {};
  if (!setup.identity || can_access(*setup.identity, path, R_OK)) return {};
  return base::invalid(
      fmt::format("{}: the workers' user \"{}\" cannot read it", path, setup.identity->name));
}

}  // namespace

std::optional<store::FileStoreOptions> document_of(const Setup& setup) {
  if (!settings::reads_configuration_file(setup.settings)) return std::nullopt;
  const bool is_yaml = setup.settings.deployment.provider == settings::Provider::kYaml;
  store::FileStoreOptions out;
  out.path =
      settings::profile_path(setup.prefix, "apisix", is_yaml ? "yaml" : "json", format::own_environment);
  out.format = is_yaml ? resource::DocumentFormat::kYaml : resource::DocumentFormat::kJson;
  out.prefix = setup.settings.deployment.etcd.prefix;
  return out;
}

base::Status check_document(Setup& setup) {
  const auto options = document_of(setup);
  if (!options) return {};
  const auto text = base::read_file(options->path);
  if (!text) {
    if (text.error().code != base::ErrorCode::kNotFound) return std::unexpected(text.error());
    setup.warnings.push_back(text.error().what + ": nothing is served until it is there");
    return {};
  }
  if (options->format == resource::DocumentFormat::kYaml && !resource::has_document_end(*text)) {
    setup.warnings.push_back(
        fmt::format("{}: missing valid end flag: nothing is served until its last line is {}", options->path,
                    resource::kDocumentEnd));
    return {};
  }
  const auto parsed = resource::parse_document(*text, options->path, options->format, options->environment);
  if (!parsed) return std::unexpected(parsed.error());
  return check_readable(setup, options->path);
}

std::vector<std::string> faults_of_document(const Setup& setup) {
  const auto options = document_of(setup);
  if (!options) return {};
  std::vector<std::string> out = worker::faults_of_document(*options, setup.settings);
  if (const auto readable = check_readable(setup, options->path); !readable)
    out.push_back(readable.error().what);
  return out;
}

void forget_kept_configuration(const std::string& prefix) {
  std::error_code ignored;
  for (const char* extension : {"yaml", "json"}) {
    std::filesystem::remove(settings::last_good_path(prefix, extension), ignored);
  }
  const std::string store = settings::pushed_store_path(prefix);
  for (const char* suffix : {"", "-lock", "-notice"}) std::filesystem::remove(store + suffix, ignored);
}

}  // namespace apisix::master
