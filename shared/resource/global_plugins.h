// Who has a plugin among global rules: all of them are one chain, hence the invariant that a plugin is in one
// of them only. Every way by which rules come in (Admin API, pushed documents, sets of changes, files,
// stores) asks here, and says it in APISIX's words.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"

namespace apisix::resource {

// "plugin 'x' already exists in global rule with id '1'"
std::string global_plugin_taken(std::string_view plugin, std::string_view rule_id);

class GlobalPlugins {
 public:
  // Notes the rule's plugins. The text says which of them another rule has; "": none.
  std::string add(std::string_view rule_id, const std::vector<std::string>& plugins);
  // The same of the rule's JSON, whatever `_meta` says of its plugins.
  std::string add_rule(std::string_view rule_id, const format::Json& rule);

 private:
  std::map<std::string, std::string, std::less<>> owners_;  // by plugin
};

}  // namespace apisix::resource
