#include "shared/store/lmdb_env.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

#include <fmt/format.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>
namespace apisix::store {
namespace {

// One slot per process: two generations of workers on the largest machines, and a crowd of command lines.
constexpr unsigned kReadersMax = 510;
constexpr unsigned kTablesMax = 8;
constexpr mode_t kFileMode = 0600;  // the store holds keys and passwords

MDB_val as_value(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}
std::string_view as_text(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// LMDB's locks are fcntl locks: closing a file takes away those of every other opening in the process.
struct OpenFile {
  std::uint64_t device;
  std::uint64_t inode;
  pid_t process;  // a child inherits the list, but neither the locks nor the right to use the file
  bool operator==(const OpenFile&) const = default;
};
std::mutex open_files_mutex;
std::vector<OpenFile> open_files;

bool is_open_here(const std::string& path) {
  struct stat about{};
  if (stat(path.c_str(), &about) != 0) return false;
  return std::ranges::find(open_files, OpenFile{about.st_dev, about.st_ino, getpid()}) != open_files.end();
}

const char* explain(int code) {
  switch (code) {
    case MDB_INVALID:
      return "it is no store file, or it is damaged";
    case MDB_VERSION_MISMATCH:
      return "it was written by another version of LMDB";
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
      return "it is damaged";
    case MDB_MAP_FULL:
      return "it has reached the largest size it may have";
    case MDB_READERS_FULL:
      return "too many processes have it open";
    case MDB_PANIC:
      return "an earlier write failed in the disk; open it again";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "no space is left on the disk";
    case EIO:
      return "the disk failed, or no space is left on it";
    default:
      return nullptr;
  }
}

base::ErrorCode classify(int code) {
  switch (code) {
    case ENOENT:
      return base::ErrorCode::kNotFound;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
      return base::ErrorCode::kInvalid;
    case MDB_READERS_FULL:
      return base::ErrorCode::kUnavailable;
    default:
      return base::ErrorCode::kIo;
  }
}

}  // namespace

LmdbTxn::~LmdbTxn() {
  if (txn_ == nullptr) return;
  if (end_ == End::kPark) {
    mdb_txn_reset(txn_);
  } else {
    mdb_txn_abort(txn_);
  }
}

void LmdbTxn::note(int code) {
  if (code_ == 0 && code != MDB_NOTFOUND) code_ = code;
}

std::optional<std::string_view> LmdbTxn::find(LmdbTable table, std::string_view key) {
  if (code_ != 0 || key.empty()) return std::nullopt;
  MDB_val name = as_value(key);
  MDB_val value{};
  const int code = mdb_get(txn_, table, &name, &value);
  note(code);
  if (code != 0) return std::nullopt;
  return as_text(value);
}

void LmdbTxn::write(LmdbTable table, std::string_view key, std::string_view value, unsigned flags) {
  if (code_ != 0) return;
  MDB_val name = as_value(key);
  MDB_val content = as_value(value);
  note(mdb_put(txn_, table, &name, &content, flags));
}

void LmdbTxn::put(LmdbTable table, std::string_view key, std::string_view value) {
  write(table, key, value, 0);
}

void LmdbTxn::append(LmdbTable table, std::string_view key, std::string_view value) {
  write(table, key, value, MDB_APPEND);
}

void LmdbTxn::remove(LmdbTable table, std::string_view key) {
  if (code_ != 0) return;
  MDB_val name = as_value(key);
  note(mdb_del(txn_, table, &name, nullptr));
}

void LmdbTxn::remove_pair(LmdbTable table, std::string_view key, std::string_view value) {
  if (code_ != 0) return;
  MDB_val name = as_value(key);
  MDB_val content = as_value(value);
  note(mdb_del(txn_, table, &name, &content));
}

std::uint64_t LmdbTxn::id() const {
  return mdb_txn_id(txn_);
}

void LmdbTxn::clear(LmdbTable table) {
  if (code_ == 0) note(mdb_drop(txn_, table, 0));
}

std::optional<LmdbTable> LmdbTxn::open_table(const char* name, std::optional<unsigned> create_flags) {
  if (code_ != 0) return std::nullopt;
  LmdbTable table = 0;
  const unsigned flags = create_flags ? MDB_CREATE | *create_flags : 0;
  const int code = mdb_dbi_open(txn_, name, flags, &table);
  note(code);
  if (code != 0) return std::nullopt;
  return table;
}

int LmdbTxn::commit() {
  if (code_ == 0) code_ = mdb_txn_commit(std::exchange(txn_, nullptr));
  return code_;
}

LmdbCursor::LmdbCursor(LmdbTxn& txn, LmdbTable table) : txn_(txn) {
  if (txn_.code_ == 0) txn_.note(mdb_cursor_open(txn_.txn_, table, &cursor_));
}

LmdbCursor::~LmdbCursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

bool LmdbCursor::move(int operation) {
  if (txn_.code_ != 0) return false;
  MDB_val key = as_value(key_);
  MDB_val value{};
  const int code = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  txn_.note(code);
  if (code != 0) return false;
  key_ = as_text(key);
  value_ = as_text(value);
  return true;
}

bool LmdbCursor::first() {
  return move(MDB_FIRST);
}

bool LmdbCursor::seek(std::string_view from) {
  if (from.empty()) return first();
  key_ = from;
  return move(MDB_SET_RANGE);
}

bool LmdbCursor::next() {
  return move(MDB_NEXT);
}

bool LmdbCursor::next_of_key() {
  return move(MDB_NEXT_DUP);
}

void LmdbCursor::remove() {
  if (txn_.code_ == 0) txn_.note(mdb_cursor_del(cursor_, 0));
}

base::Result<std::unique_ptr<LmdbEnv>> LmdbEnv::open(const LmdbEnvOptions& options) {
  const std::lock_guard lock(open_files_mutex);
  if (is_open_here(options.path)) {
    return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kStore,
                      options.path + ": this process has it open already");
  }
  std::unique_ptr<LmdbEnv> env(new LmdbEnv(options));
  int code = env->open_handle();
  // LMDB looks at a stale errno while it takes a lock that others hold.
  for (int tries = 0; code == EINTR && tries < 3; ++tries) code = env->open_handle();
  if (code != 0) return env->error("cannot open the store", code);
  struct stat about{};
  if (fstat(env->file(), &about) != 0) return env->error("cannot look at the store", errno);
  env->device_ = about.st_dev;
  env->inode_ = about.st_ino;
  open_files.push_back({env->device_, env->inode_, getpid()});
  return env;
}

int LmdbEnv::open_handle() {
  if (env_ != nullptr) mdb_env_close(std::exchange(env_, nullptr));
  if (const int code = mdb_env_create(&env_); code != 0) return code;
  mdb_env_set_mapsize(env_, options_.map_bytes);
  mdb_env_set_maxreaders(env_, kReadersMax);
  mdb_env_set_maxdbs(env_, kTablesMax);
  // MDB_NOTLS: a reader's slot belongs to the parked transaction. No MDB_NOSYNC: a commit is durable.
  const unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (options_.read_only ? MDB_RDONLY : 0);
  return mdb_env_open(env_, options_.path.c_str(), flags, kFileMode);
}

LmdbEnv::~LmdbEnv() {
  if (parked_ != nullptr) mdb_txn_abort(parked_);
  if (inode_ == 0) {  // open() failed, and still holds the lock
    if (env_ != nullptr) mdb_env_close(env_);
    return;
  }
  const std::lock_guard lock(open_files_mutex);
  mdb_env_close(env_);
  std::erase(open_files, OpenFile{device_, inode_, getpid()});
}

int LmdbEnv::begin(unsigned flags, MDB_txn** txn) {
  int code = mdb_txn_begin(env_, nullptr, flags, txn);
  if (code == MDB_READERS_FULL) {
    clear_dead_readers();
    code = mdb_txn_begin(env_, nullptr, flags, txn);
  }
  return code;
}

base::Result<LmdbTxn> LmdbEnv::begin_read() {
  if (auto status = check_length(); !status) return std::unexpected(status.error());
  int code = parked_ == nullptr ? MDB_BAD_TXN : mdb_txn_renew(parked_);
  if (code != 0) {
    if (parked_ != nullptr) mdb_txn_abort(std::exchange(parked_, nullptr));
    code = begin(MDB_RDONLY, &parked_);
  }
  if (code != 0) return error("cannot read the store", code);
  return LmdbTxn(parked_, LmdbTxn::End::kPark);
}

base::Result<LmdbTxn> LmdbEnv::begin_read_once() {
  if (auto status = check_length(); !status) return std::unexpected(status.error());
  MDB_txn* txn = nullptr;
  if (const int code = begin(MDB_RDONLY, &txn); code != 0) return error("cannot read the store", code);
  return LmdbTxn(txn, LmdbTxn::End::kAbort);
}

base::Result<LmdbTxn> LmdbEnv::begin_write() {
  if (auto status = check_length(); !status) return std::unexpected(status.error());
  MDB_txn* txn = nullptr;
  if (const int code = begin(0, &txn); code != 0) return error("cannot write to the store", code);
  return LmdbTxn(txn, LmdbTxn::End::kAbort);
}

void LmdbEnv::clear_dead_readers() {
  int cleared = 0;
  mdb_reader_check(env_, &cleared);
}

std::unexpected<base::Error> LmdbEnv::error(std::string_view doing, int code) const {
  const char* why = explain(code);
  if (why == nullptr) why = mdb_strerror(code);
  std::string what = fmt::format("{}: {}: {}", path(), doing, why);
  if (code == ENOMEM) what += fmt::format(" (its map takes {} bytes of address space)", options_.map_bytes);
  if (code == MDB_MAP_FULL) what += fmt::format(" ({} bytes)", options_.map_bytes);
  return base::fail(classify(code), base::ErrorSource::kStore, std::move(what), code == MDB_READERS_FULL);
}

base::Status LmdbEnv::check_place() const {
  struct stat there{};
  const bool is_gone = stat(path().c_str(), &there) != 0 && (errno == ENOENT || errno == ENOTDIR);
  const bool is_other = !is_gone && there.st_ino != 0 && (there.st_dev != device_ || there.st_ino != inode_);
  if (!is_gone && !is_other) return {};
  return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kStore,
                    fmt::format("{}: the file was {} while it was open; what was loaded stays in force, and "
                                "nothing can be written: put the file back, or {}",
                                path(), is_gone ? "deleted" : "replaced",
                                is_gone ? "stop and start the gateway to begin without it"
                                        : "reload the gateway to use the new one"));
}

bool LmdbEnv::is_shared() {
  clear_dead_readers();
  const std::string own = std::to_string(getpid());
  struct Found {
    const std::string& own;
    bool another = false;
  } found{own};
  // One line for each process: its number, its thread and its transaction, behind a line of titles.
  mdb_reader_list(
      env_,
      [](const char* line, void* context) {
        auto& out = *static_cast<Found*>(context);
        const std::string_view text(line);
        const auto begin = text.find_first_not_of(' ');
        if (begin == text.npos || text[begin] < '0' || text[begin] > '9') return 0;
        const auto pid = text.substr(begin, text.find(' ', begin) - begin);
        out.another |= pid != out.own;
        return 0;
      },
      &found);
  return found.another;
}

// A process that reads behind the end of a mapped file is killed (SIGBUS). LMDB never shortens a file.
base::Status LmdbEnv::check_length() {
  const std::uint64_t bytes = file_bytes();
  const std::uint64_t seen = bytes_seen_.load();
  if (bytes < seen) {
    return base::fail(
        base::ErrorCode::kUnavailable, base::ErrorSource::kStore,
        fmt::format("{}: the file was cut short while it was open, {} bytes are left of {}; what was "
                    "loaded stays in force, and nothing can be written: put a backup in its place "
                    "and reload the gateway",
                    path(), bytes, seen));
  }
  if (bytes > seen) bytes_seen_.store(bytes);
  return {};
}

std::uint64_t LmdbEnv::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat pages{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &pages);
  return (info.me_last_pgno + 1) * std::uint64_t{pages.ms_psize};
}

std::uint64_t LmdbEnv::file_bytes() const {
  struct stat about{};
  return fstat(file(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

int LmdbEnv::file() const {
  int file = -1;
  mdb_env_get_fd(env_, &file);
  return file;
}

}  // namespace apisix::store
