// LmdbPages: an LMDB file read page by page, without LMDB: is it a tree as LMDB writes it? LMDB believes what
// stands in a page, so that a damaged one sends it in circles or out of its map. Nothing is mapped here and
// no number of the file is believed: a walk ends, after at most one visit to each page.
//
// Checked: both meta pages; of every page its number, kind and bounds; the order of keys, also against the
// pages above; each table's counts of pages and records; that no page has two owners, free pages included.
// What a record's bytes mean is its visitor's to judge. LMDB 0.9's format, data version 1.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::store {

struct LmdbTree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = 0;
};

// One of the two meta pages: a transaction's state of the whole file.
struct LmdbMeta {
  LmdbTree free;
  LmdbTree main;
  std::uint64_t last_page = 0;
  std::uint64_t txn_id = 0;
};

// What a check found wrong in the file.
std::unexpected<base::Error> lmdb_damage(std::string what);

class LmdbPages {
 public:
  // Of every record, table by table in the order of keys; of a table of pairs, of every pair.
  using Visitor = std::function<void(std::string_view table, std::string_view key, std::string_view value)>;

  // `file` stays the caller's. Errors (kInvalid, kIo) say what is wrong where, without the file's name.
  static base::Result<LmdbPages> open(int file);

  // The newest transaction's and the one before it.
  const LmdbMeta& newest() const { return metas_[newest_]; }
  const LmdbMeta& previous() const { return metas_[1 - newest_]; }

  // Every page of the newest transaction. `visit` may see records before a fault is found behind them.
  // `pair_table` is the one table of pairs (MDB_DUPSORT).
  base::Status walk(std::string_view pair_table, const Visitor& visit);
  // Of one transaction: the value of `key` in `table`, by a search like LMDB's; "" when there is none.
  base::Result<std::string> find(const LmdbMeta& meta, std::string_view table, std::string_view key);

 private:
  class Page;
  struct Place;
  struct Counts;
  explicit LmdbPages(int file) : file_(file) {}

  base::Status read_metas();
  base::Result<Page> read_page(std::uint64_t number) const;
  base::Result<std::string> read_overflow(std::uint64_t number, std::size_t bytes,
                                          std::uint64_t& pages) const;
  base::Status own(std::uint64_t first, std::uint64_t pages);
  base::Status own_free_pages(std::string_view list);
  base::Status check_last_page() const;
  base::Status walk_tree(const LmdbTree& tree, Place& place);
  base::Status walk_page(std::uint64_t number, std::uint16_t level, Place& place, Counts& counts);
  base::Status walk_leaf(const Page& page, Place& place, Counts& counts);
  base::Status walk_table(std::string_view name, std::string_view data);
  base::Status walk_pairs(const Page& page, std::size_t index, Place& place, Counts& counts);
  base::Status visit_record(std::string_view key, std::string_view value, Place& place);
  base::Result<std::string> search(const LmdbTree& tree, std::string_view key) const;

  int file_;
  std::uint32_t page_bytes_ = 0;
  std::array<LmdbMeta, 2> metas_;
  std::size_t newest_ = 0;
  std::uint64_t last_page_ = 0;  // of the transaction that is read
  std::vector<bool> owned_;
  std::string_view pair_table_;
  const Visitor* visit_ = nullptr;
};

}  // namespace apisix::store
