// Any bytes as apisix.yaml, apisix.json and the body of a push: no crash, no runaway; what is read is written
// as YAML and read again the same; a second reading of the same is no change.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shared/format/json_fault.h"
#include "shared/format/yaml.h"
#include "shared/resource/document.h"
#include "shared/store/file_table.h"

namespace {

using namespace apisix;

std::optional<std::string> variable(std::string_view name) {
  if (name == "EMPTY") return "";
  if (name == "NUMBER") return "42";
  if (name == "LINES") return "a: 1\nroutes: []";
  return std::nullopt;
}

std::vector<store::FileEntry> entries_of(const format::Json& root) {
  std::vector<store::FileEntry> out;
  resource::Document document = resource::read_document(root);
  for (const resource::DocumentItem& item : document.items) {
    out.push_back({"/apisix" + item.key, format::to_json(item.value)});
  }
  return out;
}

store::EventBatch replace(store::FileTable& table, std::vector<store::FileEntry> entries) {
  store::EventBatch batch = table.diff(std::move(entries));
  table.commit(batch);
  return batch;
}

void check_table(const format::Json& root) {
  store::FileTable table(1);
  const auto entries = entries_of(root);
  replace(table, entries);
  if (table.list("/").items.size() != entries.size()) std::abort();
  if (!replace(table, entries).events.empty()) std::abort();
  replace(table, {});
  if (!table.list("/").items.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto format : {resource::DocumentFormat::kYaml, resource::DocumentFormat::kJson}) {
    const auto parsed = resource::parse_document(text, "fuzz", format, variable, format::YamlLines::kKeep);
    if (!parsed && parsed.error().what.empty()) std::abort();
    if (parsed) check_table(parsed->value);
  }
  format::describe_json_fault(text);
  const auto body = resource::parse_yaml_value(text, "fuzz");
  if (!body) return 0;
  check_table(*body);
  // JSON keeps 14 digits of a number, as APISIX writes it: YAML keeps what JSON keeps.
  const auto stored = format::parse_json(format::to_json(*body));
  const auto again = format::parse_yaml(format::to_yaml(*body), "fuzz");
  if (!stored || !again || format::to_json(again->value) != format::to_json(*stored)) std::abort();
  return 0;
}
