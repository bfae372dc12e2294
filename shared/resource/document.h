// The standalone document, which holds a whole configuration: apisix.yaml, apisix.json, and the body of
// PUT /apisix/admin/configs. One list for each kind under its plural name, and the list `plugins`.
// This is text and its meaning; validate.h says whether an item is acceptable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/variables.h"
#include "shared/format/yaml.h"
#include "shared/resource/kind.h"

namespace apisix::resource {

enum class DocumentFormat : std::uint8_t { kYaml, kJson };

inline constexpr std::string_view kPluginsList = "plugins";

// The lists of a document, in the order in which they are read: what others need before them. What others of
// the same name as an Admin path hold (credentials) are items of their parent's list.
inline constexpr std::array<std::string_view, 13> kDocumentLists = {
    "plugins", "upstreams", "services", "plugin_configs",  "consumer_groups", "consumers", "global_rules",
    "ssls",    "secrets",   "protos",   "plugin_metadata", "stream_routes",   "routes"};

// "#" and a word: a program that writes the file in place writes it last, so that half a file is not read.
inline constexpr std::string_view kDocumentEnd = "#END";
// Is it the last of the text but for white space?
bool has_document_end(std::string_view text);

struct DocumentItem {
  std::string path;          // its place: "routes[0]"; "plugins"
  std::string key;           // of the store, below the prefix: "/routes/1"; "/plugins"
  std::optional<Kind> kind;  // none: the list of plugins
  format::Json value;        // as the store keeps it
};

// An element that is no item at all.
struct DocumentFault {
  std::string path;
  std::string what;
};

struct Document {
  std::vector<DocumentItem> items;  // list by list; of two with the same key only the later
  std::vector<DocumentFault> faults;
};

// The text as one value, a map. `name` is the file's, for messages. Variables are replaced: of YAML in the
// text, so that quotes decide what is a number; of JSON in the parsed values. Errors: no end flag (YAML), a
// variable without a value, what the parsers refuse ("NAME:LINE:COLUMN: ..."), something else than a map.
base::Result<format::Yaml> parse_document(std::string_view text, const std::string& name,
                                          DocumentFormat format, const format::EnvironmentLookup& environment,
                                          format::YamlLines lines = format::YamlLines::kSkip);

// A YAML text whose nulls are empty maps, as in APISIX: `key-auth:` enables the plugin. The value of an empty
// document stays null.
base::Result<format::Json> parse_yaml_value(std::string_view text, const std::string& name);

// An element of one of the lists but `plugins`, at `position` from 0; it must be an object.
DocumentItem make_document_item(std::string_view list, unsigned position, format::Json element);

// What is in the lists. Ids are those of the items: `id`, else `username`, else "arr_" and the position from
// 1; numbers become text. A credential is an item of `consumers` with the id "jack/credentials/c1". Names
// that are no list are ignored, as in APISIX. Takes the values out of `root`.
Document read_document(format::Json root);

}  // namespace apisix::resource
