#include "worker/proxy/services.h"

#include "worker/proxy/client_connection.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

Services::Services(event::Loop& loop, const Options& options, memory::ConnectionTallies& tallies)
    : loop(loop), options(options), pool(loop), connections(loop), tallies(tallies) {
  request_limits = options.request_limits();
  response_limits.header_count_max = limits::kResponseHeadersMax;
  response_limits.head_bytes_max = limits::kResponseHeadBytesMax;
}

Services::~Services() = default;

ConnectionList::ConnectionList(event::Loop& loop) : loop_(loop) {}

ConnectionList::~ConnectionList() {
  close_all();
}

void ConnectionList::close_all() {
  while (first_ != nullptr) first_->close();
  streams_.clear();
  connections_.clear();
}

void ConnectionList::add(ClientConnection& connection) {
  connection.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &connection;
  first_ = &connection;
  ++size_;
}

template <typename Action>
void ConnectionList::for_each(Action action) {
  for (ClientConnection* connection = first_; connection != nullptr;) {
    ClientConnection* next = connection->next_;
    action(*connection);
    connection = next;
  }
}

void ConnectionList::drain() {
  for_each([](ClientConnection& connection) { connection.drain(); });
}

void ConnectionList::part() {
  for_each([](ClientConnection& connection) { connection.part(); });
}

void ConnectionList::bury(ClientConnection& connection) {
  (connection.previous_ != nullptr ? connection.previous_->next_ : first_) = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  connection.previous_ = connection.next_ = nullptr;
  --size_;
  arm_burial();
  connections_.emplace_back(&connection);
}

void ConnectionList::bury(std::unique_ptr<Stream> stream) {
  arm_burial();
  streams_.push_back(std::move(stream));
}

void ConnectionList::arm_burial() {
  if (!connections_.empty() || !streams_.empty()) return;
  loop_.at_end_of_turn([this] {
    streams_.clear();
    connections_.clear();
  });
}

}  // namespace apisix::proxy
