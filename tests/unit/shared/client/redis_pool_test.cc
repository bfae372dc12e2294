// Against real redis-server processes.
#include "shared/client/redis_pool.h"

#include <csignal>
#include <optional>

#include <gtest/gtest.h>

#include "shared/async/scope.h"
#include "shared/client/redis_clients.h"
#include "tests/fakes/moved_clock.h"
#include "tests/fakes/redis_process.h"

namespace apisix::client {
namespace {

using Reply = base::Result<RedisReply>;

class RedisPoolTest : public testing::Test {
 protected:
  static RedisTarget target_of(std::uint16_t port) {
    RedisTarget target;
    target.host = "127.0.0.1";
    target.port = port;
    target.connect_timeout_ms = target.reply_timeout_ms = 3000;
    return target;
  }
  static async::Task<void> store(async::Task<Reply> call, std::optional<Reply>& into) {
    into.emplace(co_await call);
  }
  void turn_until(const std::function<bool()>& done) {
    const std::uint64_t end_us = base::monotonic_now_us() + 20'000'000;
    while (!done() && base::monotonic_now_us() < end_us) loop_.run_once(50);
    ASSERT_TRUE(done());
  }
  Reply wait(async::Task<Reply> call) {
    std::optional<Reply> reply;
    async::Scope scope(loop_);
    scope.spawn(store(std::move(call), reply));
    turn_until([&] { return reply.has_value(); });
    return std::move(*reply);
  }
  std::uint64_t now_ms() { return base::monotonic_now_us() / 1000; }
  std::int64_t connections_of(RedisPool& pool) {
    const auto reply = wait(pool.call(RedisCommand("INFO", "clients"), 3000));
    const auto at = reply->text.find("connected_clients:");
    return std::stoll(reply->text.substr(at + 18));
  }

  event::Loop loop_;
  net::TlsClientContexts tls_;
  RedisDeps deps_{loop_, nullptr, "", tls_};
  async::Scope scope_{loop_};
};

TEST_F(RedisPoolTest, ManyCallsShareFewConnectionsAndKeepTheirReplies) {
  fakes::RedisProcess redis;
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target_of(redis.port())));
  constexpr int kCalls = 2000;
  std::vector<std::optional<Reply>> replies(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    scope_.spawn(store(pool->call(RedisCommand("ECHO", i), 3000), replies[static_cast<std::size_t>(i)]));
  }
  turn_until([&] { return scope_.empty(); });
  for (int i = 0; i < kCalls; ++i) {
    const auto& reply = replies[static_cast<std::size_t>(i)];
    ASSERT_TRUE(reply && *reply) << i;
    EXPECT_EQ((*reply)->text, std::to_string(i));
  }
  EXPECT_LE(connections_of(*pool), static_cast<std::int64_t>(RedisPool::kConnectionsMax));
}

TEST_F(RedisPoolTest, AuthenticatesAndSelects) {
  fakes::RedisProcess redis({"--requirepass", "secret", "--user", "alice", "on", ">foobared", "~*", "+@all"});
  RedisTarget target = target_of(redis.port());
  const base::Ref<RedisPool> none(new RedisPool(deps_, target));
  EXPECT_TRUE(wait(none->call(RedisCommand("PING"), 3000)).error().what.starts_with("NOAUTH"));

  target.password = "wrong";
  const base::Ref<RedisPool> wrong(new RedisPool(deps_, target));
  const auto refused = wait(wrong->call(RedisCommand("PING"), 3000));
  EXPECT_TRUE(refused.error().what.starts_with("WRONGPASS")) << refused.error().what;
  EXPECT_TRUE(refused.error().retryable);

  target.password = "secret";
  target.database = 3;
  const base::Ref<RedisPool> right(new RedisPool(deps_, target));
  EXPECT_TRUE(wait(right->call(RedisCommand("SET", "k", "v"), 3000)));
  target.database = 0;
  target.username = "alice";
  target.password = "foobared";
  const base::Ref<RedisPool> alice(new RedisPool(deps_, target));
  EXPECT_EQ(wait(alice->call(RedisCommand("ACL", "WHOAMI"), 3000))->text, "alice");
  EXPECT_TRUE(wait(alice->call(RedisCommand("GET", "k"), 3000))->is_nil());

  target.database = 99;
  const base::Ref<RedisPool> nowhere(new RedisPool(deps_, target));
  EXPECT_TRUE(wait(nowhere->call(RedisCommand("PING"), 3000))
                  .error()
                  .what.starts_with("failed to change redis db, err: ERR"));
}

TEST_F(RedisPoolTest, ClosedPortIsUnavailable) {
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target_of(fakes::free_port())));
  const auto reply = wait(pool->call(RedisCommand("PING"), 3000));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().what, "connection refused");
  EXPECT_TRUE(reply.error().retryable);
}

TEST_F(RedisPoolTest, AStoppedServerCostsTheTimeoutAndNoMore) {
  fakes::RedisProcess redis;
  RedisTarget target = target_of(redis.port());
  target.reply_timeout_ms = 200;
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target));
  ASSERT_TRUE(wait(pool->call(RedisCommand("PING"), 3000)));
  redis.signal(SIGSTOP);
  const std::uint64_t began_ms = now_ms();
  const auto reply = wait(pool->call(RedisCommand("PING"), 200));
  const std::uint64_t took_ms = now_ms() - began_ms;
  redis.signal(SIGCONT);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, base::ErrorCode::kTimeout);
  EXPECT_FALSE(reply.error().retryable) << "it may have been run";
  EXPECT_GE(took_ms, 199u);
  EXPECT_LE(took_ms, 1000u);
  // Another connection serves at once what comes now: no late reply is taken for another call's.
  EXPECT_EQ(wait(pool->call(RedisCommand("ECHO", "new"), 3000))->text, "new");
}

// One behind the other on one connection, whose server stands still; the time is moved by hand.
TEST_F(RedisPoolTest, ACallBehindASilentOneHasItsWholeTimeout) {
  fakes::RedisProcess redis;
  RedisTarget target = target_of(redis.port());
  target.reply_timeout_ms = 300;
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target));
  ASSERT_TRUE(wait(pool->call(RedisCommand("PING"), 3000)));
  redis.signal(SIGSTOP);
  MovedClock clock(loop_);
  std::optional<Reply> first;
  std::optional<Reply> patient;
  std::optional<Reply> second;
  scope_.spawn(store(pool->call(RedisCommand("PING"), 300), first));
  scope_.spawn(store(pool->call(RedisCommand("PING"), 5000), patient));
  clock.pass_ms(250);
  scope_.spawn(store(pool->call(RedisCommand("PING"), 300), second));
  clock.pass_ms(60);
  EXPECT_TRUE(first);
  clock.pass_ms(230);
  EXPECT_FALSE(second) << second->error().what;
  EXPECT_FALSE(patient);
  clock.pass_ms(30);
  redis.signal(SIGCONT);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->error().code, base::ErrorCode::kTimeout);
  EXPECT_FALSE(second->error().retryable);
  // Nothing came for as long as a reply may take since the last command: the connection is closed.
  EXPECT_TRUE(patient);
  EXPECT_EQ(wait(pool->call(RedisCommand("ECHO", "new"), 3000))->text, "new");
}

TEST_F(RedisPoolTest, RepliesOfCancelledCallsAreDiscarded) {
  fakes::RedisProcess redis;
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target_of(redis.port())));
  ASSERT_TRUE(wait(pool->call(RedisCommand("PING"), 3000)));
  {
    std::optional<Reply> ignored;
    async::Scope given_up(loop_);
    given_up.spawn(store(pool->call(RedisCommand("ECHO", "old"), 3000), ignored));
  }
  EXPECT_EQ(wait(pool->call(RedisCommand("ECHO", "mine"), 3000))->text, "mine");
}

TEST_F(RedisPoolTest, AServerThatComesBackServesAgain) {
  auto redis = std::make_unique<fakes::RedisProcess>();
  const std::uint16_t port = redis->port();
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target_of(port)));
  ASSERT_TRUE(wait(pool->call(RedisCommand("PING"), 3000)));
  redis.reset();
  EXPECT_FALSE(wait(pool->call(RedisCommand("PING"), 3000)));
  redis = std::make_unique<fakes::RedisProcess>(std::vector<std::string>{}, port);
  EXPECT_TRUE(wait(pool->call(RedisCommand("PING"), 3000)));
}

TEST_F(RedisPoolTest, UnusedConnectionsAreClosed) {
  fakes::RedisProcess redis;
  RedisTarget target = target_of(redis.port());
  const base::Ref<RedisPool> watcher(new RedisPool(deps_, target));
  target.idle_timeout_ms = 20;
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target));
  ASSERT_TRUE(wait(pool->call(RedisCommand("PING"), 3000)));
  EXPECT_EQ(connections_of(*watcher), 2);
  turn_until([&] { return connections_of(*watcher) == 1; });
}

TEST_F(RedisPoolTest, UnixSocket) {
  const std::string path = std::filesystem::temp_directory_path() / ("r" + std::to_string(::getpid()));
  fakes::RedisProcess redis({"--unixsocket", path});
  RedisTarget target = target_of(0);
  target.host = "unix:" + path;
  const base::Ref<RedisPool> pool(new RedisPool(deps_, target));
  EXPECT_EQ(wait(pool->call(RedisCommand("PING"), 3000))->text, "PONG");
  std::filesystem::remove(path);
}

TEST_F(RedisPoolTest, Tls) {
  const std::string folder = std::filesystem::temp_directory_path() / ("tls" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=redis "
      "-addext subjectAltName=IP:127.0.0.1 -keyout " +
      folder + "/key.pem -out " + folder + "/cert.pem 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const std::uint16_t tls_port = fakes::free_port();
  fakes::RedisProcess redis({"--tls-port", std::to_string(tls_port), "--tls-cert-file", folder + "/cert.pem",
                             "--tls-key-file", folder + "/key.pem", "--tls-auth-clients", "no"});
  RedisTarget target = target_of(tls_port);
  target.tls = true;
  const base::Ref<RedisPool> trusting(new RedisPool(deps_, target));
  EXPECT_EQ(wait(trusting->call(RedisCommand("PING"), 3000))->text, "PONG");
  const std::string large(300'000, 'x');
  EXPECT_EQ(wait(trusting->call(RedisCommand("ECHO", large), 3000))->text, large);

  target.tls_verify = true;
  const base::Ref<RedisPool> strict(new RedisPool(deps_, target));
  const auto refused = wait(strict->call(RedisCommand("PING"), 3000));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("self-signed certificate"), std::string::npos) << refused.error().what;

  RedisDeps knowing{loop_, nullptr, folder + "/cert.pem", tls_};
  const base::Ref<RedisPool> verified(new RedisPool(knowing, target));
  EXPECT_EQ(wait(verified->call(RedisCommand("PING"), 3000))->text, "PONG");
  target.host = "127.0.0.2";  // reachable only by name of another: the certificate is not its
  const base::Ref<RedisPool> misnamed(new RedisPool(knowing, target));
  EXPECT_FALSE(wait(misnamed->call(RedisCommand("PING"), 3000)));
  std::filesystem::remove_all(folder);
}

TEST_F(RedisPoolTest, ScriptsAreSentWholeOnlyOnce) {
  fakes::RedisProcess redis;
  RedisClients clients(loop_, nullptr, "", tls_);
  const auto service = clients.single(target_of(redis.port()));
  const RedisScript script("return {KEYS[1], ARGV[1] + 1}");
  for (int i = 0; i < 2; ++i) {
    const auto reply = wait(service->run(script, "k", 41));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->items.at(0).text, "k");
    EXPECT_EQ(reply->items.at(1).whole_number(), 42);
  }
  const auto stats = wait(service->call(RedisCommand("INFO", "commandstats")));
  EXPECT_NE(stats->text.find("cmdstat_eval:calls=1,"), std::string::npos) << stats->text;
  EXPECT_EQ(clients.single(target_of(redis.port())), service) << "the same configuration, the same service";
}

TEST_F(RedisPoolTest, PostedCommandsArrive) {
  fakes::RedisProcess redis;
  RedisClients clients(loop_, nullptr, "", tls_);
  const auto service = clients.single(target_of(redis.port()));
  for (int i = 0; i < 10; ++i) clients.post(service, RedisCommand("INCR", "n"));
  EXPECT_FALSE(clients.is_idle());
  turn_until([&] { return clients.is_idle(); });
  EXPECT_EQ(wait(service->call(RedisCommand("GET", "n")))->text, "10");
}

}  // namespace
}  // namespace apisix::client
