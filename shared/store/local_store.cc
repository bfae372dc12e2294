#include "shared/store/local_store.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/store/change_notice.h"
#include "shared/store/lmdb_file.h"
#include "shared/store/store_writer.h"

namespace apisix::store {
namespace {

// What one turn of the loop reads from the log before requests get their turn.
constexpr std::size_t kRevisionsPerTurn = 128;
constexpr std::size_t kBytesPerTurn = std::size_t{1} << 20;
constexpr Revision kNoRevision = std::numeric_limits<Revision>::max();
constexpr std::uint64_t kExpiryRetryMs = 1000;

// Processes look after a due lease one after another, and all but the first find nothing to do.
std::uint64_t expiry_delay_ms() {
  return static_cast<std::uint64_t>(getpid()) * 7 % 40;
}

// A request on its way, in the frame of the coroutine that waits for it.
class PendingWrite {
 public:
  explicit PendingWrite(event::Loop& loop)
      : completion_(loop), waiter_(std::make_shared<WriteWaiter>(&completion_)) {}
  ~PendingWrite() { waiter_->completion = nullptr; }
  PendingWrite(const PendingWrite&) = delete;
  PendingWrite& operator=(const PendingWrite&) = delete;

  async::Completion<base::Result<WriteReply>>& completion() { return completion_; }
  const std::shared_ptr<WriteWaiter>& waiter() const { return waiter_; }

 private:
  async::Completion<base::Result<WriteReply>> completion_;
  std::shared_ptr<WriteWaiter> waiter_;
};

// Touches the store only before it waits: the store may be gone when the reply comes.
async::Task<base::Result<WriteReply>> write(event::Loop& loop, StoreWriter& writer, WriteRequest request) {
  PendingWrite pending(loop);
  if (auto status = writer.submit(std::move(request), pending.waiter()); !status) {
    co_return std::unexpected(status.error());
  }
  co_return co_await pending.completion();
}

}  // namespace

struct LocalStore::Parts {
  std::unique_ptr<LmdbFile> file;
  StoreFd wake;
  std::unique_ptr<StoreWriter> writer;
  std::unique_ptr<ChangeNotice> notice;
};

base::Result<std::unique_ptr<LocalStore>> LocalStore::open(event::Loop& loop,
                                                           const LocalStoreOptions& options) {
  auto file = LmdbFile::open(options);
  if (!file) return std::unexpected(file.error());
  for (const std::string& note : (*file)->notes()) base::log_warn("{}", note);
  auto parts = std::make_unique<Parts>();
  parts->file = std::move(*file);
  parts->wake = StoreFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!parts->wake) return base::system_error("eventfd", errno);
  parts->writer = std::make_unique<StoreWriter>(*parts->file, parts->wake.get());
  const OwnerScope scope(options.owner);
  return std::unique_ptr<LocalStore>(new LocalStore(loop, std::move(parts)));
}

base::Result<std::vector<std::string>> LocalStore::prepare(const LocalStoreOptions& options) {
  const auto file = LmdbFile::open(options);
  if (!file) return std::unexpected(file.error());
  return (*file)->notes();
}

base::Result<ListReply> LocalStore::read_once(const std::string& path, const std::string& prefix) {
  auto file = LmdbFile::open_read_only(path);
  if (!file) return std::unexpected(file.error());
  return (*file)->list(prefix);
}

LocalStore::LocalStore(event::Loop& loop, std::unique_ptr<Parts> parts)
    : loop_(loop),
      parts_(std::move(parts)),
      wake_watch_(
          loop, [](void* self, bool, bool) { static_cast<LocalStore*>(self)->on_wake(); }, this),
      lease_timer_(
          loop.timers(), [](void* self) { static_cast<LocalStore*>(self)->on_lease_timer(); }, this) {
  wake_watch_.start(parts_->wake.get());
  parts_->notice =
      std::make_unique<ChangeNotice>(loop, notice_path(parts_->file->path()), [this] { poll(); });
  wake();  // leases that expired while the store was closed
}

LocalStore::~LocalStore() {
  parts_->notice.reset();
  wake_watch_.stop();
  parts_->writer->stop();
  complete_writes();
}

const std::string& LocalStore::uuid() const {
  return parts_->file->uuid();
}

async::Task<base::Result<Item>> LocalStore::get(std::string key) {
  co_return parts_->file->get(key);
}

async::Task<base::Result<ListReply>> LocalStore::list(std::string prefix) {
  co_return parts_->file->list(prefix);
}

async::Task<base::Result<TxnReply>> LocalStore::txn(Txn txn) {
  auto reply = co_await write(loop_, *parts_->writer, std::move(txn));
  if (!reply) co_return std::unexpected(reply.error());
  co_return std::get<TxnReply>(std::move(*reply));
}

async::Task<base::Result<LeaseId>> LocalStore::grant_lease(std::int64_t ttl_seconds) {
  const auto reply = co_await write(loop_, *parts_->writer, GrantLease{ttl_seconds});
  if (!reply) co_return std::unexpected(reply.error());
  co_return std::get<LeaseReply>(*reply).id;
}

async::Task<base::Result<std::int64_t>> LocalStore::keep_lease_alive(LeaseId lease) {
  const auto reply = co_await write(loop_, *parts_->writer, KeepLease{lease});
  if (!reply) co_return std::unexpected(reply.error());
  co_return std::get<LeaseReply>(*reply).ttl_seconds;
}

std::unique_ptr<Watch> LocalStore::watch(std::string prefix, Revision from_revision,
                                         WatchCallbacks callbacks) {
  wake();
  return watches_.add(std::move(prefix), from_revision, std::move(callbacks));
}

void LocalStore::wake() {
  const std::uint64_t one = 1;
  (void)!::write(parts_->wake.get(), &one, sizeof one);
}

void LocalStore::on_wake() {
  std::uint64_t count;
  (void)!::read(parts_->wake.get(), &count, sizeof count);
  complete_writes();
  poll();
}

void LocalStore::complete_writes() {
  for (WriteResult& result : parts_->writer->take_results()) {
    if (result.waiter != nullptr) {
      if (result.waiter->completion != nullptr) result.waiter->completion->set(std::move(result.reply));
      continue;
    }
    expiring_ = false;
    if (result.reply) {
      planned_expiry_ms_.reset();
    } else {
      base::log_error("cannot end leases that ran out: {}", result.reply.error().what);
      lease_timer_.set_after_ms(kExpiryRetryMs);
    }
  }
}

base::Result<LogPage> LocalStore::read_log(Revision from) {
  auto page = parts_->file->read_log(from, kRevisionsPerTurn, kBytesPerTurn);
  const std::string trouble = page ? std::string() : page.error().what;
  if (trouble != last_trouble_ && !trouble.empty()) base::log(base::LogLevel::kCrit, "{}", trouble);
  last_trouble_ = trouble;
  // Who watches reads everything again, and so passes by a damaged event.
  if (!page && page.error().code == base::ErrorCode::kIo) watches_.lose_all(page.error());
  return page;
}

void LocalStore::on_health(std::function<void(const StoreHealth&)> callback) {
  on_health_ = std::move(callback);
  on_health_(health_);
}

void LocalStore::note_health(const base::Status& status) {
  const std::string error = status ? std::string() : status.error().what;
  if (error == health_.error) return;
  if (error.empty()) base::log_notice("{}: the file is back", parts_->file->path());
  const bool was_connected = health_.connected;
  health_.connected = status.has_value();
  health_.error = error;
  if (health_.connected != was_connected) health_.since_ms = loop_.clock().wall_ms();
  if (on_health_) on_health_(health_);
}

void LocalStore::poll() {
  const auto place = parts_->file->check_place();
  if (!place && place.error().what != health_.error)
    base::log(base::LogLevel::kCrit, "{}", place.error().what);
  const auto page = read_log(watches_.next_revision().value_or(kNoRevision));
  note_health(place && !page ? base::Status(std::unexpected(page.error())) : place);
  if (!page) return;  // the next notice looks again
  watches_.lose_outside(page->state.floor, page->state.revision);
  for (const EventBatch& batch : page->batches) watches_.deliver(batch);
  if (page->more) wake();
  plan_expiry(page->next_expiry_ms);
}

void LocalStore::plan_expiry(std::optional<std::uint64_t> next_expiry_ms) {
  if (expiring_ || next_expiry_ms == planned_expiry_ms_) return;
  planned_expiry_ms_ = next_expiry_ms;
  if (!next_expiry_ms) {
    lease_timer_.cancel();
    return;
  }
  const std::uint64_t now_ms = loop_.clock().wall_ms();
  const std::uint64_t wait_ms = *next_expiry_ms > now_ms ? *next_expiry_ms - now_ms : 0;
  lease_timer_.set_after_ms(wait_ms + expiry_delay_ms());
}

void LocalStore::on_lease_timer() {
  const auto page = read_log(kNoRevision);
  if (!page) return;
  if (page->next_expiry_ms != planned_expiry_ms_) {  // another process was here first
    plan_expiry(page->next_expiry_ms);
    return;
  }
  expiring_ = parts_->writer->submit(ExpireLeases{}, nullptr).has_value();
  if (!expiring_) lease_timer_.set_after_ms(kExpiryRetryMs);
}

}  // namespace apisix::store
