// Which columns the lists of stored objects have: `apisix routes`, `apisix consumers`. One entry per kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "master/view/text_table.h"
#include "shared/format/json.h"

namespace apisix::master {

struct StoredObject {
  std::string id;  // its key below the folder: "1", "vault/1"
  format::Json value;
};

struct ObjectKind {
  std::string_view folder;  // in the store, and the name of the command
  std::vector<TextTable::Column> titles;
  // As many cells as titles.
  std::vector<TextTable::Cell> (*row)(const StoredObject& object);
};

// Null: there is none of this name.
const ObjectKind* find_object_kind(std::string_view folder);
TextTable table_of(const ObjectKind& kind, const std::vector<StoredObject>& objects);

}  // namespace apisix::master
