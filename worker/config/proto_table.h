// ProtoTable: the stored protos. One is compiled at its first use, and again when it has changed; if it does
// not compile then, the last one that did stays in force. Requests in flight keep what they found. Owned by
// PluginDirectory.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/format/proto_schema.h"
#include "shared/store/store.h"

namespace apisix::config {

class ProtoTable {
 public:
  base::Status put(std::string_view id, const store::Item& item);
  void erase(std::string_view id);

  // The error says that there is none, or why it does not compile.
  base::Result<base::Ref<const format::ProtoSchema>> find(std::string_view id);

 private:
  struct Proto {
    std::string content;  // empty once it was compiled
    base::Ref<const format::ProtoSchema> schema;
    std::string fault;
    bool is_current = false;
  };

  std::unordered_map<std::string, Proto, base::StringHash, std::equal_to<>> protos_;
};

}  // namespace apisix::config
