#include "worker/lua/phase.h"

#include <array>

namespace apisix::lua {
namespace {

struct Row {
  std::string_view name;
  std::string_view context;
};

constexpr std::array<Row, 11> kRows{{{"init", "init_by_lua*"},
                                     {"init_worker", "init_worker_by_lua*"},
                                     {"rewrite", "rewrite_by_lua*"},
                                     {"access", "access_by_lua*"},
                                     {"content", "content_by_lua*"},
                                     {"balancer", "balancer_by_lua*"},
                                     {"header_filter", "header_filter_by_lua*"},
                                     {"body_filter", "body_filter_by_lua*"},
                                     {"log", "log_by_lua*"},
                                     {"timer", "ngx.timer"},
                                     {"preread", "preread_by_lua*"}}};

}  // namespace

std::string_view name_of(Phase phase) {
  return kRows[static_cast<std::size_t>(phase)].name;
}

std::string_view context_of(Phase phase) {
  return kRows[static_cast<std::size_t>(phase)].context;
}

}  // namespace apisix::lua
