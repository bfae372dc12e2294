#include "shared/store/file_store.h"

#include <algorithm>
#include <utility>

#include "shared/async/background.h"
#include "shared/base/log.h"

namespace apisix::store {
namespace {

// A file that is written in place grows within this time, or is complete.
constexpr std::uint64_t kDebounceMs = 50;
constexpr std::size_t kFaultsLogged = 20;

// APISIX's revision of a file is its time in seconds; so is ours at first, and it grows over restarts.
Revision base_revision(const event::Loop& loop, const std::string& path) {
  const auto identity = identify_file(path);
  const Revision seconds = identity ? identity->modified_seconds() : loop.clock().wall_seconds();
  return std::max<Revision>(seconds, 1);
}

std::unexpected<base::Error> read_only(const FileStoreOptions& options) {
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore,
                    "the configuration is read from " + options.path + ", it cannot be written here");
}

}  // namespace

FileStore::FileStore(event::Loop& loop, FileStoreOptions options)
    : loop_(loop),
      options_(std::move(options)),
      table_(base_revision(loop, options_.path)),
      debounce_timer_(
          loop.timers(), [](void* self) { static_cast<FileStore*>(self)->on_debounced(); }, this),
      late_timer_(
          loop.timers(),
          [](void* self) {
            auto& store = *static_cast<FileStore*>(self);
            store.watches_.lose_outside(store.table_.revision(), store.table_.revision());
          },
          this),
      // Before it is read, so that no change in between is missed.
      file_watch_(
          std::make_unique<FileWatch>(loop, options_.path, [this](FileWatch::News news) { on_news(news); })),
      scope_(loop) {
  read_first();
}

FileStore::~FileStore() = default;

base::Result<ListReply> FileStore::read_once(const FileStoreOptions& options, const std::string& prefix) {
  auto snapshot = read_snapshot(options);
  if (!snapshot) return std::unexpected(snapshot.error());
  FileTable table(snapshot->identity.modified_seconds());
  table.commit(table.diff(std::move(snapshot->entries)));
  return table.list(prefix);
}

// --- what the store is asked

async::Task<base::Result<Item>> FileStore::get(std::string key) {
  const Item* item = table_.find(key);
  if (item != nullptr) co_return *item;
  co_return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, "no such key: " + key);
}

async::Task<base::Result<ListReply>> FileStore::list(std::string prefix) {
  co_return table_.list(prefix);
}

async::Task<base::Result<TxnReply>> FileStore::txn(Txn) {
  co_return read_only(options_);
}

async::Task<base::Result<LeaseId>> FileStore::grant_lease(std::int64_t) {
  co_return read_only(options_);
}

async::Task<base::Result<std::int64_t>> FileStore::keep_lease_alive(LeaseId) {
  co_return read_only(options_);
}

std::unique_ptr<Watch> FileStore::watch(std::string prefix, Revision from_revision,
                                        WatchCallbacks callbacks) {
  late_timer_.set_after_ms(0);
  return watches_.add(std::move(prefix), from_revision, std::move(callbacks));
}

std::string_view FileStore::provider() const {
  return options_.format == resource::DocumentFormat::kYaml ? "yaml" : "json";
}

// --- keeping up with the file

base::Result<FileStore::Reading> FileStore::read(base::Result<FileSnapshot> snapshot) const {
  if (!snapshot) return std::unexpected(snapshot.error());
  Reading out;
  out.batch.revision = table_.revision() + 1;
  const bool is_same = was_read_ && snapshot->text_hash == text_hash_;
  if (!is_same) out.batch = table_.diff(std::move(snapshot->entries));
  out.snapshot = std::move(*snapshot);
  return out;
}

void FileStore::read_first() {
  tried_ = identify_file(options_.path);
  auto snapshot = read_snapshot(options_);
  if (snapshot || options_.last_good_path.empty()) return apply(read(std::move(snapshot)));
  auto last_good = read(read_last_good(options_));
  if (last_good) was_read_ = true;
  complain(snapshot.error().what);
  if (last_good) apply(std::move(last_good));
}

void FileStore::on_news(FileWatch::News news) {
  if (news == FileWatch::News::kSurely) {
    settling_ = identify_file(options_.path);
    on_debounced();
    return;
  }
  const auto now = identify_file(options_.path);
  if (now == tried_ || debounce_timer_.is_set()) return;
  settling_ = now;
  debounce_timer_.set_after_ms(kDebounceMs);
}

void FileStore::on_debounced() {
  const auto now = identify_file(options_.path);
  if (now != settling_) {
    settling_ = now;
    debounce_timer_.set_after_ms(kDebounceMs);
    return;
  }
  debounce_timer_.cancel();
  tried_ = now;
  if (reading_) {
    reads_again_ = true;
  } else {
    scope_.spawn(read_in_background());
  }
}

async::Task<void> FileStore::read_in_background() {
  reading_ = true;
  do {
    reads_again_ = false;
    async::Background<base::Result<Reading>> background(loop_,
                                                        [this] { return read(read_snapshot(options_)); });
    auto reading = co_await background.done();
    if (!reading && reading.error().retryable) {  // torn
      settling_ = identify_file(options_.path);
      debounce_timer_.set_after_ms(kDebounceMs);
    } else {
      apply(std::move(reading));
    }
  } while (reads_again_);
  reading_ = false;
}

void FileStore::apply(base::Result<Reading> reading) {
  if (!reading) return complain(reading.error().what);
  const FileSnapshot& snapshot = reading->snapshot;
  last_trouble_.clear();
  if (!snapshot.keep_trouble.empty() && !std::exchange(cannot_keep_, true)) {
    base::log_warn("the last good configuration cannot be kept: {}", snapshot.keep_trouble);
  }
  const bool is_first = !std::exchange(was_read_, true);
  if (!is_first && snapshot.text_hash == text_hash_) return;
  text_hash_ = snapshot.text_hash;
  for (std::size_t i = 0; i < std::min(snapshot.faults.size(), kFaultsLogged); ++i) {
    base::log_error("{}", snapshot.faults[i]);
  }
  if (table_.commit(reading->batch)) watches_.deliver(reading->batch);
  base::log(is_first ? base::LogLevel::kNotice : base::LogLevel::kWarn,
            "config file {} reloaded. {} of its items changed, revision {}", options_.path,
            reading->batch.events.size(), table_.revision());
}

// Said once: the file is looked at each second.
void FileStore::complain(const std::string& trouble) {
  if (trouble == last_trouble_) return;
  last_trouble_ = trouble;
  base::log_error("the configuration cannot be read{}: {}",
                  was_read_ ? ", the last good one stays in force" : "", trouble);
}

}  // namespace apisix::store
