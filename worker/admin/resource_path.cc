#include "worker/admin/resource_path.h"

namespace apisix::admin {
namespace {

using resource::Kind;

std::string_view take_segment(std::string_view& path) {
  const auto slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  return segment;
}

// The two kinds that APISIX 2 named in the singular.
std::optional<Kind> find_kind_of_path(std::string_view name) {
  if (name == "ssl") return Kind::kSsl;
  if (name == "proto") return Kind::kProto;
  return resource::find_kind_by_plural(name);
}

// "credentials/c1" behind a consumer's name.
std::optional<Kind> sub_resource_of(Kind kind, std::string_view name) {
  const auto sub = resource::find_kind_by_plural(name);
  return sub && resource::parent_of(*sub) == kind ? sub : std::nullopt;
}

}  // namespace

std::optional<ResourcePath> parse_resource_path(std::string_view path) {
  const auto kind = find_kind_of_path(take_segment(path));
  if (!kind) return std::nullopt;
  ResourcePath out;
  out.kind = *kind;
  if (out.kind == Kind::kSecret) out.parent = take_segment(path);
  out.id = take_segment(path);
  std::string_view behind = path;
  if (const auto sub = sub_resource_of(out.kind, take_segment(behind))) {
    out = {*sub, std::move(out.id), std::string(take_segment(behind)), {}};
    path = behind;
  }
  out.sub_path = path;
  return out;
}

}  // namespace apisix::admin
