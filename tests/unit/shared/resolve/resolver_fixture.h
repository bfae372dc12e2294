// A resolver with scripted DNS on a clock that the test moves, for the tests of the resolver and the cluster.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <unistd.h>

#include "shared/resolve/resolver.h"
#include "tests/fakes/scripted_dns_client.h"

namespace apisix::resolve {

// A directory that is removed with the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "upstream_test_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);  // another inode: the change is always seen
    return path;
  }

 private:
  std::string path_;
};

struct ResolverFixture {
  explicit ResolverFixture(ResolverConfig config = {}) {
    config.hosts_path = folder.write("hosts", "127.0.0.1 localhost\n");
    config.resolv_conf_path = folder.write("resolv.conf", "nameserver 192.0.2.53\n");
    auto client = std::make_unique<ScriptedDnsClient>();
    dns = client.get();
    resolver = std::make_unique<Resolver>(timers, ready, random, config, std::move(client));
  }

  void run() { ready.drain(); }
  void advance_ms(std::uint64_t delay_ms) {
    for (const std::uint64_t end = timers.now_ms() + delay_ms; timers.now_ms() < end;) {
      timers.advance(std::min(end, timers.now_ms() + 50));
      ready.drain();
    }
  }
  HostStatus status_of(const std::string& name) const {
    for (auto& row : resolver->status()) {
      if (row.name == name) return row;
    }
    return {};
  }

  ScratchFolder folder;
  event::TimerWheel timers{1'000'000};
  event::ReadyQueue ready;
  base::Random random{1};
  ScriptedDnsClient* dns = nullptr;
  std::unique_ptr<Resolver> resolver;
};

}  // namespace apisix::resolve
