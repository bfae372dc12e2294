#include "privileged-agent/jobs/snapshot.h"

#include <algorithm>
#include <utility>

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/check.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/store/etcd_snapshot.h"

namespace apisix::agent {
namespace {

// The workers' own lists come first when everything starts.
constexpr std::uint64_t kStartDelayMs = 500;
constexpr std::uint64_t kDebounceMs = 500;
constexpr std::uint64_t kShareOfTime = 20;
constexpr std::uint64_t kSnapshotRetryMs = 500;
constexpr std::uint64_t kSnapshotRetryMsMax = 10'000;

}  // namespace

std::unique_ptr<Snapshot> Snapshot::start(event::Loop& loop, store::Store& store,
                                          const settings::Settings& settings,
                                          const std::string& runtime_prefix) {
  if (settings.deployment.provider != settings::Provider::kEtcd) return nullptr;
  return std::make_unique<Snapshot>(loop, store, settings.deployment.etcd,
                                    store::etcd_snapshot_path(runtime_prefix));
}

Snapshot::Snapshot(event::Loop& loop, store::Store& store, const settings::Deployment::Etcd& etcd,
                   std::string path)
    : loop_(loop),
      etcd_(etcd),
      path_(std::move(path)),
      written_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      written_watch_(
          loop, [](void* self, bool, bool) { static_cast<Snapshot*>(self)->on_written(); }, this),
      debounce_(
          loop.timers(), [](void* self) { static_cast<Snapshot*>(self)->begin_write(); }, this),
      follower_(loop, store, etcd_.prefix + "/",
                {.on_list = [this](store::ListReply list) { take(std::move(list)); },
                 .on_batch = [this](const store::EventBatch& batch) { apply(batch); }},
                {.before_list_ms = kStartDelayMs,
                 .retry_ms = kSnapshotRetryMs,
                 .retry_ms_max = kSnapshotRetryMsMax}) {
  CHECK(written_);
  written_watch_.start(written_.get());
  follower_.start();
}

Snapshot::~Snapshot() {
  written_watch_.stop();
  if (writer_.joinable()) writer_.join();
  if (!is_whole_ || !is_changed_) return;
  if (auto done = store::write_snapshot_file(path_, store::seal_snapshot(encode())); !done)
    base::log_error("{}", done.error().what);
}

void Snapshot::take(store::ListReply list) {
  items_.clear();
  for (store::Item& item : list.items) {
    std::string key = std::exchange(item.key, {});
    items_.emplace_hint(items_.end(), std::move(key), std::move(item));
  }
  revision_ = list.revision;
  is_whole_ = true;
  note_change();
}

void Snapshot::apply(const store::EventBatch& batch) {
  for (const store::Event& event : batch.events) {
    if (event.type == store::Event::Type::kPut) {
      store::Item& item = items_[event.item.key] = event.item;
      item.key.clear();
    } else {
      items_.erase(event.item.key);
    }
  }
  revision_ = batch.revision;
  note_change();
}

void Snapshot::note_change() {
  is_changed_ = true;
  if (!debounce_.is_set() && !writer_.joinable()) debounce_.set_after_ms(std::max(kDebounceMs, rest_ms_));
}

std::string Snapshot::encode() const {
  store::EtcdSnapshot head;
  head.prefix = etcd_.prefix;
  head.hosts = etcd_.host;
  head.written_ms = loop_.clock().wall_ms();
  head.list.revision = revision_;
  store::EtcdSnapshotEncoder encoder(head, items_.size());
  for (const auto& [key, item] : items_) encoder.add(key, item);
  return encoder.take();
}

// The disk may take long: the loop does not wait for it.
void Snapshot::begin_write() {
  is_changed_ = false;
  write_began_us_ = base::monotonic_now_us();
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::thread([this, bytes = encode()]() mutable {
    result_ = store::write_snapshot_file(path_, store::seal_snapshot(std::move(bytes)));
    const std::uint64_t one = 1;
    (void)!::write(written_.get(), &one, sizeof one);
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Snapshot::on_written() {
  std::uint64_t count = 0;
  (void)!::read(written_.get(), &count, sizeof count);
  if (!writer_.joinable()) return;
  writer_.join();
  const std::string trouble = result_ ? std::string() : result_.error().what;
  if (!trouble.empty() && trouble != last_trouble_)
    base::log_error("the last known good configuration is not kept: {}", trouble);
  last_trouble_ = trouble;
  rest_ms_ = (base::monotonic_now_us() - write_began_us_) * kShareOfTime / 1000;
  if (!trouble.empty()) is_changed_ = true;
  if (is_changed_) debounce_.set_after_ms(std::max(kDebounceMs, rest_ms_));
}

}  // namespace apisix::agent
