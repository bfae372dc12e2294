// LmdbFile: making and opening the file, and telling a damaged one from a good one.
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/text.h"
#include "shared/store/lmdb_file.h"

namespace apisix::store {
namespace {

constexpr std::string_view kFormat = "apisix store 1";
constexpr const char* kFormatName = "format";
constexpr const char* kUuidName = "uuid";

bool is_item(std::string_view key, std::string_view bytes) {
  return decode_item(key, bytes).has_value();
}

bool is_event(std::string_view key, std::string_view bytes) {
  const auto at = decode_pair_key(key);
  return at && decode_event(static_cast<Revision>(at->first), bytes);
}

struct TableName {
  const char* name;
  LmdbTable LmdbTables::* table;
  unsigned flags;
  bool (*is_good)(std::string_view key, std::string_view value);
};
constexpr TableName kTableNames[] = {
    {"meta", &LmdbTables::meta, 0, nullptr},
    {"kv", &LmdbTables::kv, 0, is_item},
    {"log", &LmdbTables::log, 0, is_event},
    {"lease", &LmdbTables::lease, 0, nullptr},
    {"lease_due", &LmdbTables::lease_due, 0, nullptr},
    {"lease_keys", &LmdbTables::lease_keys, MDB_DUPSORT, nullptr},
};
constexpr LmdbTable kFreePagesTable = 0;  // LMDB's own

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
    txn->put(meta, kFormatName, kFormat);
    txn->put(meta, kUuidName, *uuid);
    txn->put(meta, LmdbFile::kStateName, encode_state({}));
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

bool exists(const std::string& path) {
  struct stat about{};
  return stat(path.c_str(), &about) == 0;
}

// Every record of a table, so that a missing page shows.
bool reads_whole(LmdbTxn& txn, LmdbTable table, bool (*is_good)(std::string_view, std::string_view)) {
  LmdbCursor cursor(txn, table);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    if (is_good != nullptr && !is_good(cursor.key(), cursor.value())) return false;
  }
  return txn.code() == 0;
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
  if (!exists(options.path)) {
    if (auto made = make_store(options); !made) return std::unexpected(made.error());
  }
  auto env = LmdbEnv::open({.path = options.path, .map_bytes = options.map_bytes});
  if (!env) return std::unexpected(env.error());
  std::unique_ptr<LmdbFile> file(new LmdbFile(options, std::move(*notice), std::move(*env)));
  file->clear_dead_readers();
  const std::uint64_t bytes = file->env_->file_bytes();
  auto status = file->lengthen();
  const bool longer = file->env_->file_bytes() > bytes;
  if (status) status = file->open_tables();
  if (status && longer) status = file->check_pages();
  if (!status && longer && status.error().code == base::ErrorCode::kInvalid) file->shorten(bytes);
  if (status) status = file->read_meta();
  if (!status) return std::unexpected(status.error());
  return file;
}

base::Result<std::unique_ptr<LmdbFile>> LmdbFile::open_read_only(const std::string& path) {
  struct stat about{};
  if (stat(path.c_str(), &about) != 0) {
    if (errno != ENOENT) return base::system_error(path + ": cannot open the store", errno);
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, path + ": there is no store");
  }
  // LMDB makes its lock file even for a reader: it must belong to whom the store belongs.
  const OwnerScope scope(Owner{about.st_uid, about.st_gid});
  if (auto status = scope.status(); !status) return std::unexpected(status.error());
  auto notice = open_notice_file(path, false);
  if (!notice) return std::unexpected(notice.error());
  std::optional<base::Result<OpeningLock>> lock;
  if (*notice) lock.emplace(OpeningLock::take(notice->get(), path));
  if (lock && !*lock) return std::unexpected(lock->error());
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
  const auto format = txn->find(tables_.meta, kFormatName);
  if (!format) return damaged("it has no format");
  if (*format != kFormat) {
    return base::fail(
        base::ErrorCode::kInvalid, base::ErrorSource::kStore,
        fmt::format("{}: its format is \"{}\", this program's is \"{}\"", path(), *format, kFormat));
  }
  const auto uuid = txn->find(tables_.meta, kUuidName);
  const auto state = txn->find(tables_.meta, kStateName);
  if (!uuid || !state || !decode_state(*state)) return damaged("it has no state");
  uuid_ = *uuid;
  return {};
}

// A file that was cut short kills the process that reads behind its end (SIGBUS). LMDB may rightly leave the
// last pages in use unwritten, when they are free: so the file is made long enough, and what had been cut
// off shows as pages that make no sense. fallocate() never cuts off what another process has just written.
base::Status LmdbFile::lengthen() {
  const std::uint64_t used = env_->used_bytes();
  if (env_->file_bytes() >= used) return {};
  if (fallocate(env_->file(), 0, 0, static_cast<off_t>(used)) == 0 || errno == EOPNOTSUPP) return {};
  return env_->error("cannot lengthen the store", errno);
}

// Leaves a damaged file as it was found, for the next one who opens it to see.
void LmdbFile::shorten(std::uint64_t bytes) {
  (void)!ftruncate(env_->file(), static_cast<off_t>(bytes));
}

base::Status LmdbFile::check_pages() {
  auto txn = env_->begin_read();
  if (!txn) return std::unexpected(txn.error());
  bool whole = reads_whole(*txn, kFreePagesTable, nullptr);
  for (const TableName& each : kTableNames) {
    whole = whole && reads_whole(*txn, tables_.*each.table, each.is_good);
  }
  if (!whole) return damaged("it was cut short");
  return {};
}

std::unexpected<base::Error> LmdbFile::damaged(std::string_view where) const {
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore,
                    fmt::format("{}: it is no store of this program, or it is damaged: {}", path(), where));
}

}  // namespace apisix::store
