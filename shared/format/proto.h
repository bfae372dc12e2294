// The content of a proto object: the text of one .proto file, or the base64 of a compiled set of files (what
// `protoc --include_imports --descriptor_set_out` writes), for files that import others. Both may import
// google/protobuf/*.proto, which are known. Protocol Buffers' library stops here: it compiles, and what it
// compiled is copied into tables (proto_schema.h). No content makes it throw, abort or recurse without
// bounds.
#pragma once

#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/result.h"

namespace apisix::format {

class ProtoSchema;

// The error says line and column of the text, from 1 on, or the element, and what is wrong. Custom options
// (google.api.http) are not looked at; types of a compiled set that are not in it are left out.
base::Result<base::Ref<const ProtoSchema>> compile_proto(std::string_view content);

// Does it compile?
base::Status check_proto(std::string_view content);

}  // namespace apisix::format
