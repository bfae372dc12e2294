#include "shared/resolve/ares_client.h"

#include <cstring>
#include <unordered_map>

#include <ares.h>

#include "shared/base/log.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/resolve/dns_reply.h"

namespace apisix::resolve {
namespace {

struct Asked {
  DnsQuery* query;  // null once the query was cancelled
  std::string name;
  DnsType type;
};

DnsReply reply_of(int status, const Asked& asked, const unsigned char* message, int bytes) {
  DnsReply reply;
  switch (status) {
    case ARES_SUCCESS:
      return parse_dns_reply({message, static_cast<std::size_t>(bytes)}, asked.name, asked.type);
    case ARES_ENODATA:
      reply.kind = DnsReply::Kind::kNoRecords;
      return reply;
    case ARES_ENOTFOUND:
      reply.kind = DnsReply::Kind::kNoName;
      return reply;
    case ARES_ETIMEOUT:
      reply.kind = DnsReply::Kind::kTimeout;
      break;
    default:
      break;
  }
  reply.error = ares_strerror(status);
  return reply;
}

// One c-ares channel with its sockets and its timeout. c-ares cannot change the name servers of a channel
// that has questions in flight, so a new list means a new channel.
class Channel {
 public:
  explicit Channel(event::Loop& loop)
      : loop_(loop),
        timer_(loop.timers(), [](void* self) { static_cast<Channel*>(self)->on_timeout(); }, this) {}
  ~Channel() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  base::Status open(const AresOptions& options, std::span<const NameServer> servers);
  void start(DnsQuery& query, const std::string& name, DnsType type);

 private:
  struct Watch {
    Watch(Channel& channel, int fd)
        : channel(channel),
          fd(fd),
          io(
              channel.loop_,
              [](void* self, bool readable, bool writable) {
                auto* watch = static_cast<Watch*>(self);
                watch->channel.on_io(watch->fd, readable, writable);
              },
              this) {}
    Channel& channel;
    const int fd;
    event::IoWatch io;
  };

  void on_socket_state(int fd, bool read, bool write);
  void on_io(int fd, bool readable, bool writable);
  void on_timeout();
  void arm_timer();

  event::Loop& loop_;
  event::Timer timer_;
  std::unordered_map<int, std::unique_ptr<Watch>> watches_;
  ares_channel channel_ = nullptr;
};

base::Status Channel::open(const AresOptions& options, std::span<const NameServer> servers) {
  ares_options given{};
  given.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  given.timeout = static_cast<int>(options.timeout_ms);
  given.tries = options.tries;
  char lookups[] = "b";
  given.lookups = lookups;
  given.sock_state_cb_data = this;
  given.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
    static_cast<Channel*>(self)->on_socket_state(fd, read != 0, write != 0);
  };
  const int mask =
      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  int status = ares_init_options(&channel_, &given, mask);
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto& bytes = servers[i].address.bytes();
    const bool v4 = servers[i].address.is_v4();
    nodes[i].next = i + 1 < servers.size() ? &nodes[i + 1] : nullptr;
    nodes[i].family = v4 ? AF_INET : AF_INET6;
    nodes[i].udp_port = nodes[i].tcp_port = servers[i].port;
    if (v4) {
      std::memcpy(&nodes[i].addr.addr4, bytes.data() + 12, 4);
    } else {
      std::memcpy(&nodes[i].addr.addr6, bytes.data(), 16);
    }
  }
  if (status == ARES_SUCCESS)
    status = ares_set_servers_ports(channel_, nodes.empty() ? nullptr : nodes.data());
  if (status == ARES_SUCCESS) return {};
  return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway,
                    std::string("c-ares: ") + ares_strerror(status));
}

void Channel::start(DnsQuery& query, const std::string& name, DnsType type) {
  auto* asked = new Asked{&query, name, type};
  query.set_owner(&asked->query);
  // May call back before it returns: `asked` and `query` can be gone behind it.
  ares_query(
      channel_, name.c_str(), 1, static_cast<int>(type),
      [](void* context, int status, int, unsigned char* message, int bytes) {
        const std::unique_ptr<Asked> done(static_cast<Asked*>(context));
        if (done->query != nullptr) done->query->reply(reply_of(status, *done, message, bytes));
      },
      asked);
  arm_timer();
}

void Channel::on_socket_state(int fd, bool read, bool write) {
  if (!read && !write) {
    watches_.erase(fd);
    return;
  }
  auto& watch = watches_[fd];
  if (watch == nullptr) {
    watch = std::make_unique<Watch>(*this, fd);
    watch->io.start(fd, read, write);
    return;
  }
  watch->io.want_read(read);
  watch->io.want_write(write);
}

void Channel::on_io(int fd, bool readable, bool writable) {
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
  arm_timer();
}

void Channel::on_timeout() {
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  arm_timer();
}

void Channel::arm_timer() {
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) return timer_.cancel();
  timer_.set_after_ms(static_cast<std::uint64_t>(left.tv_sec) * 1000 +
                      static_cast<std::uint64_t>(left.tv_usec) / 1000 + 1);
}

class AresClient final : public DnsClient {
 public:
  AresClient(event::Loop& loop, const AresOptions& options) : loop_(loop), options_(options) {}

  base::Status open(std::span<const NameServer> servers) {
    auto fresh = std::make_unique<Channel>(loop_);
    if (auto opened = fresh->open(options_, servers); !opened) return opened;
    std::swap(channel_, fresh);  // what the old one still had in flight fails now and may be asked anew
    return {};
  }
  void start(DnsQuery& query, const std::string& name, DnsType type) override {
    channel_->start(query, name, type);
  }
  void set_servers(std::span<const NameServer> servers) override {
    if (auto opened = open(servers); !opened) base::log_error("name servers stay: {}", opened.error().what);
  }

 private:
  event::Loop& loop_;
  const AresOptions options_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace

base::Result<std::unique_ptr<DnsClient>> make_ares_client(event::Loop& loop, const AresOptions& options) {
  auto client = std::make_unique<AresClient>(loop, options);
  if (auto opened = client->open({}); !opened) return std::unexpected(opened.error());
  return client;
}

}  // namespace apisix::resolve
