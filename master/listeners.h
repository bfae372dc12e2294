// The listening sockets. Per address there is one SO_REUSEPORT socket for each worker, as with nginx's
// "reuseport": the kernel spreads new connections evenly and no worker wakes up for another's. The master
// makes and keeps them, so that they outlive a worker that crashes (its queue waits for the successor)
// and go on from one generation to the next without a moment in which a connection is refused.
//
// A socket that joins others of its address gets its share of new connections as soon as it listens; so it
// does that only when there is a worker behind it (start_listening). One that retires first takes no new
// connections (refuse_new), so that it can be emptied before it is closed: closing resets what it
// holds.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/channel/child_context.h"
#include "shared/settings/settings.h"

namespace apisix::master {

struct WantedListener {
  settings::Listen listen;
  channel::ListenSocket::Purpose purpose;
  std::string_view key;  // the place in config.yaml, for error messages
};

// Every address that the workers and the agent serve.
std::vector<WantedListener> wanted_listeners(const settings::Settings& settings);
// What is said of the ports where HTTP/3 is configured, which is not served. None: there are none.
std::optional<std::string> unserved_quic(const settings::Settings& settings);

// "0.0.0.0:9080", "[::]:9080"
std::string address_text(const settings::Listen& listen);

class Listeners {
 public:
  Listeners() = default;

  // Opens what `wanted` names, `per_address` sockets each. Sockets that `previous` has for the same address
  // are shared, never opened anew, and never fewer than before. Errors name the address and the key.
  static base::Result<Listeners> open(const std::vector<WantedListener>& wanted, int per_address,
                                      const Listeners& previous);

  // What `fds` are bound to: those of an older master or of systemd. Takes the descriptors. Whatever is no
  // listening TCP socket is closed, with a note.
  static Listeners adopt(std::vector<base::UniqueFd> fds);

  // Every socket listens from now on.
  void start_listening();
  // The sockets that `next` has no use for, each address set to refuse new connections. What waits in them
  // can still be accepted.
  std::vector<int> retire(const Listeners& next);

  std::vector<int> fds() const;
  // Addresses of ours that `next` does not have.
  std::vector<std::string> addresses_not_in(const Listeners& next) const;

  // The sockets of worker `index` of `workers`. Every socket belongs to a worker; a worker without one of
  // its own shares.
  std::vector<channel::ListenSocket> share_of(int index, int workers) const;
  // Those of the others, for a while in which they are dead.
  std::vector<channel::ListenSocket> spares_of(int index, int workers) const;
  // The export server's.
  std::vector<channel::ListenSocket> share_of_agent() const;
  // Addresses that could not be opened and may be left out ([::] without IPv6), one sentence each.
  const std::vector<std::string>& notes() const { return notes_; }
  void close() { addresses_.clear(); }

 private:
  using SharedFd = std::shared_ptr<base::UniqueFd>;
  struct Address {
    WantedListener wanted;
    std::vector<SharedFd> sockets;
  };
  static base::Status fill(Address& address, int per_address);
  const Address* find(const settings::Listen& listen) const;
  bool has_port(std::uint16_t port) const;

  std::vector<Address> addresses_;
  std::vector<std::string> notes_;
};

struct Setup;
// All that `setup` wants, a socket of its own for each worker unless reuseport is off.
base::Result<Listeners> open_listeners(const Setup& setup, const Listeners& previous);

}  // namespace apisix::master
