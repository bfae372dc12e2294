// LmdbFile: making and opening the file. A damaged file is found before LMDB maps it.
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/store/lmdb_check.h"
#include "shared/store/lmdb_file.h"

namespace apisix::store {
namespace {

struct TableName {
  const char* name;
  LmdbTable LmdbTables::* table;
  unsigned flags;
};
constexpr TableName kTableNames[] = {
    {"meta", &LmdbTables::meta, 0},
    {"kv", &LmdbTables::kv, 0},
    {"log", &LmdbTables::log, 0},
    {"lease", &LmdbTables::lease, 0},
    {"lease_due", &LmdbTables::lease_due, 0},
    {"lease_keys", &LmdbTables::lease_keys, MDB_DUPSORT},
};

base::Result<std::string> make_uuid() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return base::system_error("getrandom", errno);
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// A new store is made whole beside its place and then renamed: who finds a file finds a whole one.
base::Status make_store(const LocalStoreOptions& options) {
  const std::string path = options.path + "-new";
  unlink(path.c_str());
  {
    auto uuid = make_uuid();
    if (!uuid) return std::unexpected(uuid.error());
    auto env = LmdbEnv::open({.path = path, .map_bytes = options.map_bytes});
    if (!env) return std::unexpected(env.error());
    auto txn = (*env)->begin_write();
    if (!txn) return std::unexpected(txn.error());
    LmdbTable meta = 0;
    for (const TableName& each : kTableNames) {
      const auto table = txn->open_table(each.name, each.flags);
      if (table && each.table == &LmdbTables::meta) meta = *table;
    }
    constexpr StoreFormat kFormat = StoreFormat::kWithChecksums;
    txn->put(meta, LmdbFile::kFormatName, name_of(kFormat));
    txn->put(meta, LmdbFile::kUuidName, encode_uuid(*uuid, kFormat));
    txn->put(meta, LmdbFile::kStateName, encode_state({.txn_id = txn->id()}, kFormat));
    if (txn->commit() != 0) return (*env)->error("cannot make the store", txn->code());
  }
  unlink((path + "-lock").c_str());
  // Who still has a deleted store open must not share its locks with the new one.
  unlink((options.path + "-lock").c_str());
  if (rename(path.c_str(), options.path.c_str()) != 0) {
    return base::system_error("cannot make the store " + options.path, errno);
  }
  return sync_dir_of(options.path);
}

// Makes it, or refuses to: a gateway that runs must not go on with an empty configuration, nor a part of it
// with another one than the rest.
base::Status find_store(const LocalStoreOptions& options) {
  struct stat about{};
  const bool exists = stat(options.path.c_str(), &about) == 0;
  if (!exists && errno == ENOENT && options.opening == Opening::kFirst) return make_store(options);
  if (!exists && errno == ENOENT) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore,
                      options.path +
                          ": the file was deleted while the gateway runs; put it back, or stop and start "
                          "the gateway to begin without it");
  }
  if (!exists) return base::system_error(options.path + ": cannot open the store", errno);
  if (!options.expected || *options.expected == StoreFileId{about.st_dev, about.st_ino}) return {};
  return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kStore,
                    options.path +
                        ": the file was replaced while the gateway runs; put the old one back, or reload "
                        "the gateway to use the new one");
}

// LMDB's lock file names the newest transaction: that of the old file would be taken for the new one's. Who
// has the old one open keeps the old locks, and writes no more (check_place()).
void part_from_replaced(const LocalStoreOptions& options) {
  struct stat about{};
  if (!options.in_use || stat(options.path.c_str(), &about) != 0) return;
  if (*options.in_use != StoreFileId{about.st_dev, about.st_ino}) unlink((options.path + "-lock").c_str());
}

// A name that is there leads to a file that may be opened: not to a link that another user planted.
base::Result<StoreFaults> check(const LocalStoreOptions& options) {
  if (options.opening == Opening::kJoinChecked) return StoreFaults{};
  auto faults = check_store(options.path);
  if (!faults || faults->items.empty() || options.opening == Opening::kFirst) return faults;
  return refuse_damaged_items(options.path, faults->items);
}

}  // namespace

base::Result<std::unique_ptr<LmdbFile>> LmdbFile::open(const LocalStoreOptions& options) {
  if (auto made = make_store_dir(options.path, options.owner); !made) return std::unexpected(made.error());
  const OwnerScope scope(options.owner);
  if (auto status = scope.status(); !status) return std::unexpected(status.error());
  auto notice = open_notice_file(options.path, true);
  if (!notice) return std::unexpected(notice.error());
  const auto lock = OpeningLock::take(notice->get(), options.path);
  if (!lock) return std::unexpected(lock.error());
  if (auto found = find_store(options); !found) return std::unexpected(found.error());
  const auto faults = check(options);
  if (!faults) return std::unexpected(faults.error());
  part_from_replaced(options);
  auto env = LmdbEnv::open({.path = options.path, .map_bytes = options.map_bytes});
  if (!env) return std::unexpected(env.error());
  std::unique_ptr<LmdbFile> file(new LmdbFile(options, std::move(*notice), std::move(*env)));
  file->clear_dead_readers();
  auto status = file->lengthen();
  if (status) status = file->open_tables();
  if (status) status = file->read_meta();
  if (status && options.opening == Opening::kFirst) {
    status = file->mend(*faults);
    if (status) status = file->add_checksums();
  }
  if (!status) return std::unexpected(status.error());
  return file;
}

base::Result<std::unique_ptr<LmdbFile>> LmdbFile::open_read_only(const std::string& path) {
  struct stat about{};
  if (stat(path.c_str(), &about) != 0) {
    if (errno != ENOENT) return base::system_error(path + ": cannot open the store", errno);
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, path + ": there is no store");
  }
  // LMDB makes its lock file even for a reader: it must have the store's owner.
  const OwnerScope scope(Owner{about.st_uid, about.st_gid});
  if (auto status = scope.status(); !status) return std::unexpected(status.error());
  auto notice = open_notice_file(path, false);
  if (!notice) return std::unexpected(notice.error());
  std::optional<base::Result<OpeningLock>> lock;
  if (*notice) lock.emplace(OpeningLock::take(notice->get(), path));
  if (lock && !*lock) return std::unexpected(lock->error());
  if (const auto faults = check_store(path); !faults) return std::unexpected(faults.error());
  auto env = LmdbEnv::open({.path = path, .map_bytes = kMapBytes, .read_only = true});
  if (!env) return std::unexpected(env.error());
  LocalStoreOptions options;
  options.path = path;
  std::unique_ptr<LmdbFile> file(new LmdbFile(std::move(options), std::move(*notice), std::move(*env)));
  if (auto status = file->open_tables(); !status) return std::unexpected(status.error());
  if (auto status = file->read_meta(); !status) return std::unexpected(status.error());
  return file;
}

base::Status LmdbFile::open_tables() {
  auto txn = env_->begin_read_once();
  if (!txn) return std::unexpected(txn.error());
  for (const TableName& each : kTableNames) {
    const auto table = txn->open_table(each.name);
    if (txn->code() != 0) return env_->error("cannot read the store", txn->code());
    if (!table) return damaged(fmt::format("it has no table {}", each.name));
    tables_.*each.table = *table;
  }
  if (txn->commit() != 0) return env_->error("cannot read the store", txn->code());
  return {};
}

base::Status LmdbFile::read_meta() {
  auto txn = env_->begin_read();
  if (!txn) return std::unexpected(txn.error());
  const auto name = txn->find(tables_.meta, kFormatName);
  if (!name) return damaged("it has no format");
  const auto format = format_of(*name);
  if (!format) {
    return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore,
                      fmt::format("{}: its format is \"{}\", this program's is \"{}\"", path(), *name,
                                  name_of(StoreFormat::kWithChecksums)));
  }
  const auto uuid = txn->find(tables_.meta, kUuidName);
  const auto state = txn->find(tables_.meta, kStateName);
  auto plain = uuid ? decode_uuid(*uuid, *format) : std::nullopt;
  if (!plain || !state || !decode_state(*state, *format)) return damaged("it has no state");
  uuid_ = std::move(*plain);
  format_ = *format;
  return {};
}

// LMDB may rightly leave the last pages in use unwritten, when they are free; but who reads behind the end of
// the file is killed (SIGBUS). fallocate() never cuts off what another process has just written.
base::Status LmdbFile::lengthen() {
  const std::uint64_t used = env_->used_bytes();
  if (env_->file_bytes() >= used) return {};
  if (fallocate(env_->file(), 0, 0, static_cast<off_t>(used)) == 0 || errno == EOPNOTSUPP) return {};
  return env_->error("cannot lengthen the store", errno);
}

std::unexpected<base::Error> LmdbFile::damaged(std::string_view where) const {
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore,
                    fmt::format("{}: it is no store of this program, or it is damaged: {}", path(), where));
}

// While it serves. No fault of who asks.
std::unexpected<base::Error> LmdbFile::mismatch(std::string_view where) const {
  return base::fail(base::ErrorCode::kIo, base::ErrorSource::kStore,
                    fmt::format("{}: the store is damaged: checksum mismatch in {}", path(), where));
}

}  // namespace apisix::store
