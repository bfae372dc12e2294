// LmdbEnv: one open LMDB file, with owners for its transactions and cursors and one translation of its
// codes. Nothing here knows what the tables mean. Owned by LmdbFile.
//
// Threads: reads come from one thread, writes from one (other) thread. A transaction remembers its first
// failure and does nothing after it, so that its user asks once, at the end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shared/base/result.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace apisix::store {

using LmdbTable = unsigned int;

class LmdbTxn {
 public:
  enum class End : unsigned char { kAbort, kPark };  // kPark: a read transaction that the env uses again

  LmdbTxn(MDB_txn* txn, End end) : txn_(txn), end_(end) {}
  LmdbTxn(LmdbTxn&& other) noexcept
      : txn_(std::exchange(other.txn_, nullptr)), end_(other.end_), code_(other.code_) {}
  LmdbTxn& operator=(LmdbTxn&&) = delete;
  ~LmdbTxn();

  // Valid until the next write or the end of the transaction.
  std::optional<std::string_view> find(LmdbTable table, std::string_view key);
  void put(LmdbTable table, std::string_view key, std::string_view value);
  // `key` must be behind every key of the table.
  void append(LmdbTable table, std::string_view key, std::string_view value);
  void remove(LmdbTable table, std::string_view key);
  // Of a table of pairs: this one pair.
  void remove_pair(LmdbTable table, std::string_view key, std::string_view value);
  // A table by name; nothing when there is none and `create_flags` is not given.
  std::optional<LmdbTable> open_table(const char* name, std::optional<unsigned> create_flags = {});

  // LMDB's number of it: of a write transaction the one that it will make, of a read one that it sees.
  std::uint64_t id() const;
  // Removes every record of the table.
  void clear(LmdbTable table);

  // The first failure; 0 = none. A miss is none.
  int code() const { return code_; }
  void note(int code);
  // Durable when it returns 0. The transaction is over either way.
  int commit();

 private:
  friend class LmdbCursor;
  void write(LmdbTable table, std::string_view key, std::string_view value, unsigned flags);

  MDB_txn* txn_;
  End end_;
  int code_ = 0;
};

// A place in a table, in the order of keys. Must end before its transaction.
class LmdbCursor {
 public:
  LmdbCursor(LmdbTxn& txn, LmdbTable table);
  ~LmdbCursor();
  LmdbCursor(const LmdbCursor&) = delete;
  LmdbCursor& operator=(const LmdbCursor&) = delete;

  // Each: is there a record?
  bool first();
  bool seek(std::string_view from);  // the first at or behind
  bool next();
  bool next_of_key();  // the next pair of the same key
  void remove();       // next() then gives the record behind it

  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  bool move(int operation);

  LmdbTxn& txn_;
  MDB_cursor* cursor_ = nullptr;
  std::string_view key_;
  std::string_view value_;
};

struct LmdbEnvOptions {
  std::string path;
  std::size_t map_bytes = 0;
  bool read_only = false;
};

class LmdbEnv {
 public:
  // Errors: kNotFound (read only and not there), kInvalid (damaged, or no LMDB file), kIo, and kConflict
  // when this process has the file open already, which would break LMDB's locks.
  static base::Result<std::unique_ptr<LmdbEnv>> open(const LmdbEnvOptions& options);
  ~LmdbEnv();
  LmdbEnv(const LmdbEnv&) = delete;
  LmdbEnv& operator=(const LmdbEnv&) = delete;

  // At most one at a time. Takes no lock but for the first.
  base::Result<LmdbTxn> begin_read();
  // For opening tables: they stay open when it is committed.
  base::Result<LmdbTxn> begin_read_once();
  // Waits for the other processes' writers.
  base::Result<LmdbTxn> begin_write();
  // Frees what killed processes left in the table of readers; otherwise the file would only grow.
  void clear_dead_readers();

  const std::string& path() const { return options_.path; }
  // "<path>: <doing>: <why>", with the code that the caller can act on.
  std::unexpected<base::Error> error(std::string_view doing, int code) const;
  // Fails when the file was deleted, or another one is in its place: what is written now would be lost.
  base::Status check_place() const;
  // Whether another living process has it open.
  bool is_shared();
  // Bytes that the pages in use need, and that the file has.
  std::uint64_t used_bytes() const;
  std::uint64_t file_bytes() const;
  int file() const;

 private:
  explicit LmdbEnv(const LmdbEnvOptions& options) : options_(options) {}
  int open_handle();
  base::Status check_length();
  int begin(unsigned flags, MDB_txn** txn);

  LmdbEnvOptions options_;
  MDB_env* env_ = nullptr;
  MDB_txn* parked_ = nullptr;  // the reading thread's
  std::uint64_t device_ = 0;   // which file is open; 0, 0 = none
  std::uint64_t inode_ = 0;
  std::atomic<std::uint64_t> bytes_seen_ = 0;  // the most that the file had; both threads look
};

}  // namespace apisix::store
