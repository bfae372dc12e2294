#include "shared/store/lmdb_check.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <map>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "shared/store/lmdb_file.h"
#include "shared/store/lmdb_pages.h"
#include "shared/store/store_dir.h"

namespace apisix::store {
namespace {

// A file that is written to all the while is one that works.
constexpr int kTries = 3;
constexpr std::size_t kKeysNamedMax = 5;

// What the records of one walk say.
class Records {
 public:
  explicit Records(StoreFormat format) : format_(format) {}

  void note(std::string_view table, std::string_view key, std::string_view value) {
    if (table == "kv") {
      note_item(key, value);
    } else if (table == "log") {
      note_event(key, value);
    } else if (table == "lease") {
      note_lease(key, value);
    } else if (table == "lease_due") {
      const auto due = decode_pair_key(key);
      if (!due || !is_due(*due, value, format_)) return note_fault("a lease's end");
      dues_.insert({due->second, due->first});
    } else if (table == "lease_keys") {
      const auto id = decode_number_key(key);
      if (!id) return note_fault("a lease's key");
      lease_keys_.insert({std::string(value), *id});
    } else if (table == "meta") {
      note_meta(key, value);
    }
  }

  base::Result<StoreFaults> end(std::uint64_t txn_id) {
    if (!state_ || !has_uuid_) return lmdb_damage("its state or its id does not match its checksum");
    if (fault_.empty() && format_ == StoreFormat::kWithChecksums) check_leases();
    if (!fault_.empty()) return lmdb_damage(fault_ + " does not match its checksum or the rest");
    if (txn_id > 1 && state_->txn_id != 0 && state_->txn_id != txn_id) {
      return lmdb_damage("a meta page leads to a state of the past");
    }
    faults_.log_until = std::min(faults_.log_until, state_->revision);
    return std::move(faults_);
  }

 private:
  void note_fault(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }
  void note_item(std::string_view key, std::string_view value) {
    const auto item = decode_item(key, value, format_);
    if (!item) {
      faults_.items.emplace_back(key);
    } else if (item->lease != 0) {
      leased_items_.insert({item->key, static_cast<std::uint64_t>(item->lease)});
    }
  }
  // A key that is damaged, too, is at least as far as the one before it.
  void note_event(std::string_view key, std::string_view value) {
    const auto at = decode_pair_key(key);
    if (at && decode_event(*at, value, format_)) {
      log_at_ = static_cast<Revision>(at->first);
      return;
    }
    constexpr std::uint64_t kLast = std::numeric_limits<Revision>::max();
    if (at) log_at_ = std::max(log_at_, static_cast<Revision>(std::min(at->first, kLast)));
    faults_.log_until = std::max<Revision>(log_at_, 1);
  }
  void note_lease(std::string_view key, std::string_view value) {
    const auto id = decode_number_key(key);
    const auto lease = id ? decode_lease(static_cast<LeaseId>(*id), value, format_) : std::nullopt;
    if (!lease) return note_fault("a lease");
    leases_.insert({*id, lease->expiry_ms});
  }
  void note_meta(std::string_view key, std::string_view value) {
    if (key == LmdbFile::kStateName) state_ = decode_state(value, format_);
    if (key == LmdbFile::kUuidName) has_uuid_ = decode_uuid(value, format_).has_value();
  }
  // Leases, their ends and their keys say the same thing three times.
  void check_leases() {
    if (leases_ != dues_) note_fault("a lease's end");
    if (faults_.items.empty() && leased_items_ != lease_keys_) note_fault("a lease's key");
  }

  StoreFormat format_;
  StoreFaults faults_;
  std::optional<StoreState> state_;
  bool has_uuid_ = false;
  Revision log_at_ = 0;
  std::string fault_;  // the first that nothing can mend
  std::map<std::uint64_t, std::uint64_t> leases_, dues_;
  std::map<std::string, std::uint64_t, std::less<>> leased_items_, lease_keys_;
};

base::Result<StoreFormat> read_format(LmdbPages& pages) {
  const auto name = pages.find(pages.newest(), "meta", LmdbFile::kFormatName);
  if (!name) return std::unexpected(name.error());
  const auto format = format_of(*name);
  if (format) return *format;
  if (name->empty()) return lmdb_damage("it is no store of this program");
  return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kStore,
                    fmt::format("its format is \"{}\", this program's is \"{}\"", *name,
                                name_of(StoreFormat::kWithChecksums)));
}

// A damaged number in the newest meta page makes the one before it look like the newest.
base::Status check_previous(LmdbPages& pages, StoreFormat format) {
  const LmdbMeta& meta = pages.previous();
  if (format == StoreFormat::kWithoutChecksums || meta.txn_id <= 1) return {};
  const auto bytes = pages.find(meta, "meta", LmdbFile::kStateName);
  const auto state = bytes ? decode_state(*bytes, format) : std::nullopt;
  if (state && state->txn_id != meta.txn_id)
    return lmdb_damage("its meta pages do not agree with what they lead to");
  return {};
}

base::Result<StoreFaults> check_once(LmdbPages& pages) {
  const auto format = read_format(pages);
  if (!format) return std::unexpected(format.error());
  if (auto status = check_previous(pages, *format); !status) return std::unexpected(status.error());
  Records records(*format);
  const auto status =
      pages.walk("lease_keys", [&records](std::string_view table, std::string_view key,
                                          std::string_view value) { records.note(table, key, value); });
  if (!status) return std::unexpected(status.error());
  return records.end(pages.newest().txn_id);
}

}  // namespace

base::Result<StoreFaults> check_store(const std::string& path) {
  const StoreFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return base::system_error(path + ": cannot open the store", errno);
  struct stat about{};
  if (fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore, path + ": it is no regular file");
  }
  (void)posix_fadvise(file.get(), 0, 0, POSIX_FADV_WILLNEED);
  for (int tries = 0; tries < kTries; ++tries) {
    auto pages = LmdbPages::open(file.get());
    auto faults = pages ? check_once(*pages) : std::unexpected(pages.error());
    if (faults && faults->none()) return faults;
    const auto after = LmdbPages::open(file.get());
    const bool is_written_to = pages && after && after->newest().txn_id != pages->newest().txn_id;
    if (is_written_to) continue;
    // The two meta pages are read one after the other: writes in between make them look like strangers.
    if (!pages && tries + 1 < kTries) continue;
    if (faults) return faults;
    base::Error error = faults.error();
    const bool is_damaged = error.code == base::ErrorCode::kInvalid;
    if (!is_damaged) error.what = path + ": " + error.what;
    if (is_damaged) error.what = fmt::format("{}: the store is damaged: {}; {}", path, error.what, kWhatToDo);
    return std::unexpected(std::move(error));
  }
  return StoreFaults{};
}

std::unexpected<base::Error> refuse_damaged_items(const std::string& path,
                                                  const std::vector<std::string>& keys) {
  std::string named;
  for (std::size_t i = 0; i < std::min(keys.size(), kKeysNamedMax); ++i) {
    if (i > 0) named += ", ";
    for (const char c : keys[i]) named += c > ' ' && c < '\x7f' ? c : '?';
  }
  if (keys.size() > kKeysNamedMax) named += fmt::format(" and {} others", keys.size() - kKeysNamedMax);
  return lmdb_damage(
      fmt::format("{}: the store is damaged: checksum mismatch in {}, and its log has no copy; {}", path,
                  named, kWhatToDo));
}

}  // namespace apisix::store
