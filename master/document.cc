#include "master/document.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/resource/validate.h"
#include "shared/settings/config_path.h"

namespace apisix::master {
namespace {

// "/upstream/nodes/0/host" -> ".upstream.nodes[0].host", as lines of YAML are found.
std::string path_of_pointer(std::string_view pointer) {
  std::string out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view part = pointer.substr(0, pointer.find('/'));
    const bool is_index = !part.empty() && std::ranges::all_of(part, base::is_digit);
    out += is_index ? fmt::format("[{}]", part) : fmt::format(".{}", part);
    pointer.remove_prefix(part.size());
  }
  return out;
}

class DocumentCheck {
 public:
  DocumentCheck(const store::FileStoreOptions& options, format::Yaml parsed)
      : file_(options.path), lines_(std::move(parsed)) {}

  std::vector<std::string> run() {
    const resource::Document document = resource::read_document(lines_.value);
    for (const resource::DocumentFault& fault : document.faults) add(fault.path, fault.what);
    for (const resource::DocumentItem& item : document.items) check(item);
    std::vector<std::string> out;
    for (auto& [line, text] : faults_) out.push_back(std::move(text));
    return out;
  }

 private:
  void check(const resource::DocumentItem& item) {
    if (!item.kind) return;
    format::Json value = item.value;
    const std::string id = item.key.substr(item.key.find('/', 1) + 1);
    const bool is_consumer = *item.kind == resource::Kind::kConsumer;
    const auto found = resource::validate(*item.kind, value,
                                          {.hooks = {}, .is_stored = true, .path_id = is_consumer ? "" : id});
    if (found.ok()) return;
    if (found.faults.empty()) return add(item.path, found.error_msg);
    for (const format::Fault& fault : found.faults) {
      const std::string hint = fault.hint.empty() ? "" : " (" + fault.hint + ")";
      add(item.path + path_of_pointer(fault.pointer), fault.message + hint);
    }
  }

  void add(const std::string& path, const std::string& what) {
    const int line = lines_.line_of(path);
    faults_.emplace(line, line > 0 ? fmt::format("{}:{}: {}: {}", file_, line, path, what)
                                   : fmt::format("{}: {}: {}", file_, path, what));
  }

  const std::string& file_;
  format::Yaml lines_;
  std::multimap<int, std::string> faults_;  // by line
};

base::Status check_readable(const Setup& setup, const std::string& path) {
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
  const auto text = base::read_file(options->path);
  if (!text) return {text.error().what};
  auto parsed = resource::parse_document(*text, options->path, options->format, options->environment,
                                         format::YamlLines::kKeep);
  if (!parsed) return {parsed.error().what};
  std::vector<std::string> out = DocumentCheck(*options, std::move(*parsed)).run();
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
