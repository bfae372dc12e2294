#include "worker/diagnose/neighbours.h"

#include "worker/diagnose/shadows.h"

namespace apisix::diagnose {
namespace {

std::string text_of(std::string_view host, const route::PathShape& shape) {
  return (shape.exact ? '=' : '*') + std::string(host);
}

}  // namespace

bool Neighbours::add(const route::RouteEntry& entry) {
  bool is_new = false;
  for_each_place(kind_, entry, [&](std::string_view host, const route::PathShape& shape, std::uint32_t) {
    is_new |= places_[std::string(shape.prefix)].insert(text_of(host, shape)).second;
  });
  return is_new;
}

bool Neighbours::touches(const route::RouteEntry& entry) const {
  bool found = false;
  for_each_place(kind_, entry, [&](std::string_view host, const route::PathShape& shape, std::uint32_t) {
    if (found) return;
    const auto places = places_.find(shape.prefix);
    found = places != places_.end() && places->second.contains(text_of(host, shape));
  });
  return found;
}

}  // namespace apisix::diagnose
