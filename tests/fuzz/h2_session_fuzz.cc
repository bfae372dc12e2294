// Any bytes as what an HTTP/2 client sends behind its preface, through the whole session: engine, heads,
// streams, and a local service that echoes. Whatever comes, the connection can be closed, nothing of it
// stays, and no head that reaches the service holds a line end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/check.h"
#include "shared/base/random.h"
#include "shared/channel/child_context.h"
#include "shared/store/local_store.h"
#include "worker/config/registry.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/local_service.h"
#include "worker/upstream/cluster.h"

namespace apisix::proxy {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Echo final : public LocalService {
 public:
  async::Task<LocalResponse> serve(const LocalRequest& request) override {
    CHECK(request.path.find_first_of("\r\n") == std::string_view::npos);
    std::string body(request.path.size() % 3 == 0 ? 100'000 : request.body.size(), 'x');
    co_return LocalResponse{200, "text/plain", std::move(body), {}};
  }
  std::size_t body_bytes_max(const LocalRequest&) const override { return 100'000; }
};

class Bench {
 public:
  Bench() {
    std::string pattern = (std::filesystem::temp_directory_path() / "h2_session_fuzz.XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    store::LocalStoreOptions options;
    options.path = root_ + "/data/store.mdb";
    auto store = store::LocalStore::open(loop_, options);
    CHECK(store.has_value());
    store_ = std::move(*store);
    registry_ = std::make_unique<config::Registry>(loop_, *store_, upstream::ClusterDeps{random_, loads_},
                                                   config::RegistryOptions{});
    services_ = std::make_unique<Services>(ServicesDeps{
        .loop = loop_, .options = options_, .registry = *registry_, .status = *status_, .tallies = tallies_});
    channel::ListenSocket socket;
    socket.listen.http2 = true;
    listener_ = std::make_unique<Listener>(*services_, socket, ClientKind::kControl, &echo_);
  }
  ~Bench() {
    services_->connections.close_all();
    std::filesystem::remove_all(root_);
  }

  void run(std::string_view bytes, std::size_t step) {
    int fds[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    services_->tallies.active.add();
    auto* connection = new ClientConnection(*listener_, net::Socket(fds[0]), sockaddr_storage{});
    services_->connections.add(*connection);
    connection->start();
    send(fds[1], kPreface);
    for (std::size_t at = 0; at < bytes.size(); at += step) send(fds[1], bytes.substr(at, step));
    ::close(fds[1]);
    for (int i = 0; i < 8 && services_->connections.size() > 0; ++i) loop_.run_once(0);
    services_->connections.close_all();
    loop_.run_once(0);
    CHECK(services_->connections.size() == 0);
    CHECK(tallies_.writing.get() == 0 && tallies_.reading.get() == 0);
  }

 private:
  void send(int fd, std::string_view bytes) {
    static_cast<void>(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    loop_.run_once(0);
    char drained[65536];
    while (::recv(fd, drained, sizeof drained, 0) > 0) {
    }
  }

  std::string root_;
  event::Loop loop_;
  base::Random random_{1};
  upstream::LoadRegistry loads_;
  base::Result<memory::StatusZone> status_ = memory::StatusZone::create();
  memory::ConnectionTallies tallies_{};
  Options options_;
  std::unique_ptr<store::LocalStore> store_;
  std::unique_ptr<config::Registry> registry_;
  Echo echo_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace
}  // namespace apisix::proxy

// The first byte says in how large pieces the rest is sent.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static apisix::proxy::Bench bench;
  if (size < 2) return 0;
  const std::size_t step = data[0] == 0 ? size : std::size_t{data[0]} * 4;
  bench.run({reinterpret_cast<const char*>(data) + 1, size - 1}, step);
  return 0;
}
