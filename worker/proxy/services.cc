#include "worker/proxy/services.h"

#include <algorithm>

#include "shared/base/log.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/client_exchange.h"

namespace apisix::proxy {

std::string_view name_of(ClientKind kind) {
  switch (kind) {
    case ClientKind::kAdmin:
      return "connections to the Admin API";
    case ClientKind::kControl:
      return "connections to the Control API";
    case ClientKind::kProxy:
      break;
  }
  return "worker_connections";
}

bool free_descriptor(Services& services, ClientKind kind) {
  return services.connections.make_room_anywhere(kind) || services.pool.drop_one_idle();
}

Services::Services(const ServicesDeps& deps)
    : loop(deps.loop),
      options(deps.options),
      pool(loop),
      bodies(options.held_bodies_bytes_max, loop.clock()),
      connections(loop, pool, options.connections_max),
      registry(deps.registry),
      access_log(deps.access_log),
      status(deps.status),
      tallies(deps.tallies),
      traffic(deps.traffic) {
  request_limits = options.request_limits();
}

Services::~Services() = default;

ConnectionList::ConnectionList(event::Loop& loop, const upstream::Pool& pool,
                               std::uint64_t proxy_connections_max)
    : loop_(loop),
      pool_(pool),
      report_(
          loop.timers(), [](void* self) { static_cast<ConnectionList*>(self)->report_made_room(); }, this) {
  group(ClientKind::kProxy).connections_max = proxy_connections_max;
  group(ClientKind::kAdmin).connections_max = limits::kAdminConnectionsMax;
  group(ClientKind::kControl).connections_max = limits::kControlConnectionsMax;
}

ConnectionList::~ConnectionList() {
  close_all();
}

void ConnectionList::close_all() {
  for_each([](ClientConnection& connection) { connection.close(); });
  exchanges_.clear();
  connections_.clear();
}

ClientGroup& ConnectionList::group_of(const ClientConnection& connection) {
  return group(connection.listener().kind());
}

std::uint64_t ConnectionList::size() const {
  std::uint64_t total = 0;
  for (const ClientGroup& one : groups_) total += one.size();
  return total;
}

void ConnectionList::add(ClientConnection& connection) {
  group_of(connection).waiting.add_newest(connection);
  peak_ = std::max(peak_, size());
}

void ConnectionList::note_waiting(ClientConnection& connection) {
  ClientGroup& group = group_of(connection);
  group.busy.remove(connection);
  group.waiting.add_newest(connection);
}

void ConnectionList::note_busy(ClientConnection& connection) {
  ClientGroup& group = group_of(connection);
  group.waiting.remove(connection);
  group.busy.add_newest(connection);
}

// Busy ones may become waiting ones by the action, and get it once more.
template <typename Action>
void ConnectionList::for_each(Action action) {
  for (ClientGroup& one : groups_) {
    one.busy.for_each(action);
    one.waiting.for_each(action);
  }
}

// --- making room

bool ConnectionList::is_full(ClientKind kind) const {
  const std::uint64_t upstreams = kind == ClientKind::kProxy ? pool_.open() : 0;
  return group(kind).size() + upstreams >= group(kind).connections_max;
}

bool ConnectionList::make_room(ClientKind kind) {
  ClientConnection* const oldest = group(kind).waiting.oldest();
  if (oldest == nullptr) return false;
  note_made_room(kind);
  oldest->close();
  return true;
}

bool ConnectionList::make_room_anywhere(ClientKind kind) {
  return make_room(kind) || make_room(ClientKind::kProxy) || make_room(ClientKind::kAdmin) ||
         make_room(ClientKind::kControl);
}

// The first one at once, so that who looks sees why; the others are counted, or a flood of connections would
// become one of lines.
void ConnectionList::note_made_room(ClientKind kind) {
  ++made_room_;
  if (report_.is_set()) return;
  report_.set_after_ms(limits::kRoomReportMs);
  base::log_warn("{} {}, or the descriptors, are not enough: the oldest without a request are closed",
                 group(kind).connections_max, name_of(kind));
  made_room_ = 0;
}

void ConnectionList::report_made_room() {
  if (made_room_ == 0) return;
  base::log_warn("{} more connections without a request were closed in {} s to make room",
                 std::exchange(made_room_, 0), limits::kRoomReportMs / 1000);
  report_.set_after_ms(limits::kRoomReportMs);
}

void ConnectionList::drain() {
  for_each([](ClientConnection& connection) { connection.drain(); });
}

void ConnectionList::shut_down() {
  for_each([](ClientConnection& connection) { connection.shut_down(); });
}

void ConnectionList::defer_delete(ClientConnection& connection) {
  ClientGroup& group = group_of(connection);
  (connection.is_waiting_ ? group.waiting : group.busy).remove(connection);
  arm_deferred_delete();
  connections_.emplace_back(&connection);
}

void ConnectionList::defer_delete(std::unique_ptr<ClientExchange> exchange) {
  arm_deferred_delete();
  exchanges_.push_back(std::move(exchange));
}

void ConnectionList::arm_deferred_delete() {
  const auto delete_all = [](void* self) {
    static_cast<ConnectionList*>(self)->exchanges_.clear();
    static_cast<ConnectionList*>(self)->connections_.clear();
  };
  loop_.end_of_turn().push(deletion_, delete_all, this);
}

}  // namespace apisix::proxy
