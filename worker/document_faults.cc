#include "worker/document_faults.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "shared/base/file.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/resource/global_plugins.h"
#include "shared/resource/schemas.h"
#include "worker/admin/hooks.h"
#include "worker/lua/module_file.h"
#include "worker/lua/pre_function.h"
#include "worker/plugins/catalog.h"

namespace apisix::worker {
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
  DocumentCheck(const std::string& file, format::Yaml parsed, const resource::ValidateHooks& hooks,
                std::vector<std::string> lua_plugins)
      : file_(file), lines_(std::move(parsed)), hooks_(hooks), lua_plugins_(std::move(lua_plugins)) {}

  std::vector<std::string> run() {
    const resource::Document document = resource::read_document(std::move(lines_.value));
    for (const resource::DocumentFault& fault : document.faults) add(fault.path, fault.what);
    for (const resource::DocumentItem& item : document.items) check(item);
    std::vector<std::string> out;
    for (auto& [line, text] : faults_) out.push_back(std::move(text));
    return out;
  }

 private:
  void check(const resource::DocumentItem& item) {
    format::Json value = item.value;
    if (!item.kind) return check_plugins(item, value);
    // Files of Lua are not run here: their configurations are for the workers to check.
    for (const std::string& name : lua_plugins_) {
      if (format::find_member(value, "plugins").isObject()) value["plugins"].removeMember(name);
    }
    const std::string id = item.key.substr(item.key.find('/', 1) + 1);
    const bool is_consumer = *item.kind == resource::Kind::kConsumer;
    const auto found = resource::validate(
        *item.kind, value, {.hooks = hooks_, .is_stored = true, .path_id = is_consumer ? "" : id});
    if (found.ok()) return check_global_rule(item, id);
    if (found.faults.empty()) return add(item.path, found.error_msg);
    for (const format::Fault& fault : found.faults) {
      const std::string hint = fault.hint.empty() ? "" : " (" + fault.hint + ")";
      add(item.path + path_of_pointer(fault.pointer), fault.message + hint);
    }
  }

  // As a worker takes them: what is disabled is in no rule's way.
  void check_global_rule(const resource::DocumentItem& item, const std::string& id) {
    const format::Json& plugins = format::find_member(item.value, "plugins");
    if (item.kind != resource::Kind::kGlobalRule || !plugins.isObject()) return;
    std::vector<std::string> enabled = plugins.getMemberNames();
    std::erase_if(enabled,
                  [&plugins](const std::string& name) { return plugin::is_disabled(plugins[name]); });
    if (const std::string taken = global_plugins_.add(id, enabled); !taken.empty())
      add(item.path + ".plugins", taken);
  }

  void check_plugins(const resource::DocumentItem& item, const format::Json& list) {
    for (const format::Fault& fault : resource::get_schema("plugins").faults(list)) {
      add(item.path + path_of_pointer(fault.pointer), fault.message);
    }
  }

  void add(const std::string& path, const std::string& what) {
    const int line = lines_.line_of(path);
    faults_.emplace(line, line > 0 ? fmt::format("{}:{}: {}: {}", file_, line, path, what)
                                   : fmt::format("{}: {}: {}", file_, path, what));
  }

  const std::string& file_;
  format::Yaml lines_;
  const resource::ValidateHooks& hooks_;
  const std::vector<std::string> lua_plugins_;
  resource::GlobalPlugins global_plugins_;
  std::multimap<int, std::string> faults_;  // by line
};

// The document's own list, where it has one that is well-formed.
std::vector<std::string> enabled_plugins(const format::Json& document, const settings::Settings& settings) {
  const format::Json& list = format::find_member(document, resource::kPluginsList);
  if (!list.isArray() || !resource::get_schema("plugins").validate(list)) return settings.plugins;
  std::vector<std::string> out;
  for (const format::Json& entry : list) {
    const format::Json& is_stream = format::find_member(entry, "stream");
    if (!format::is_true(is_stream)) out.push_back(format::string_of(entry["name"]));
  }
  return out;
}

// The enabled plugins that are files of the user, in Lua.
std::vector<std::string> lua_plugins(const std::vector<std::string>& enabled, const plugin::PluginSet& native,
                                     const settings::Settings& settings) {
  std::vector<std::string> out;
  for (const std::string& name : enabled) {
    const bool is_native =
        native.find(name) != nullptr &&
        std::ranges::find(settings.lua.override_native, name) == settings.lua.override_native.end();
    if (!is_native && !lua::find_plugin_file(settings.apisix.extra_lua_path, name).empty())
      out.push_back(name);
  }
  return out;
}

}  // namespace

std::vector<std::string> faults_of_document(const store::FileStoreOptions& options,
                                            const settings::Settings& settings) {
  const auto text = base::read_file(options.path);
  if (!text) return {text.error().what};
  auto parsed = resource::parse_document(*text, options.path, options.format, options.environment,
                                         format::YamlLines::kKeep);
  if (!parsed) return {parsed.error().what};
  const std::vector<std::string> enabled = enabled_plugins(parsed->value, settings);
  plugin::PluginSet plugins(plugins::catalog(), enabled);
  plugins.set_pre_function_check(lua::check_pre_function);
  const resource::ValidateHooks hooks =
      admin::make_file_hooks([&plugins]() -> const plugin::PluginSet& { return plugins; }, settings);
  return DocumentCheck(options.path, std::move(*parsed), hooks, lua_plugins(enabled, plugins, settings))
      .run();
}

}  // namespace apisix::worker
