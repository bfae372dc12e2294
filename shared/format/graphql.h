// What a GraphQL document asks for (GraphQL specification, October 2021, section 2): its first operation, or
// the fragment that stands first. Documents with definitions of types are refused: no client sends them.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::format {

// Sets of fields, values and types within one another that are read; what is deeper is refused. As JSON's.
inline constexpr std::size_t kGraphqlDepthMax = 64;

// Views of the document.
struct GraphqlOperation {
  std::string_view type;  // query, mutation, subscription; empty: the document begins with a fragment
  std::string_view name;  // empty: anonymous
  // Names of the fields of its outermost set, also inside inline fragments, not their aliases; and of the
  // fragments that are spread there.
  std::vector<std::string_view> root_fields;
  std::size_t definitions = 0;  // of the whole document
};

// Reads all of the document. The error says in which line it is none.
base::Result<GraphqlOperation> parse_graphql(std::string_view document);

}  // namespace apisix::format
