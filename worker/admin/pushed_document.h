// The body of PUT /apisix/admin/configs and POST /apisix/admin/configs/validate, taken apart. Made on any
// thread: parsing megabytes would block the loop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/document.h"

namespace apisix::admin {

struct PushedItem {
  resource::DocumentItem item;  // value as the store keeps it; without a kind, as sent: no object
  std::string text;             // of item.value
  format::Json id;              // as sent: `id`, else `username`, else ""
  std::string identity;         // what must be there once in its list; empty: it has none
  format::Json modified_index;  // null: none. The same as before means: unchanged, whatever the rest says
};

struct PushedList {
  std::string name;         // "routes"
  format::Json version;     // of "routes_conf_version"; null: none
  bool is_list = true;      // false: something else stands there
  bool is_present = false;  // also when nothing is in it
  std::string text;         // JSON, as sent; empty: not there, or nothing in it
  std::vector<PushedItem> items;
};

// "routes" -> "routes_conf_version"
std::string version_key(std::string_view list);

// What a list's element becomes; `text` null: it goes.
struct ListEdit {
  std::string key;                    // below the prefix: "/routes/1"
  const std::string* text = nullptr;  // the object's, as the store keeps it
};

// The text of a list with these changes; what is new stands at its end; empty: nothing is left in it. The
// rest stays as it is, but elements whose place was their id get that id. An edited element has no
// modifiedIndex.
base::Result<std::string> edit_pushed_list(std::string_view list, std::string_view text,
                                           const std::vector<ListEdit>& edits);

// An object as the element of a document's list that is read as it: with its whole id, "jack/credentials/c1".
format::Json pushed_element(std::string_view list, std::string_view key, format::Json value);

// All lists of resource::kDocumentLists. Errors are what stands behind "invalid request body: ".
base::Result<std::vector<PushedList>> parse_pushed_document(std::string_view body, bool is_yaml);

}  // namespace apisix::admin
