#include "shared/store/lmdb_pages.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apisix::store {
namespace {

constexpr std::uint32_t kLmdbMagic = 0xBEEFC0DE;
constexpr std::uint32_t kDataVersion = 1;
constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::size_t kNodeHeaderBytes = 8;
constexpr std::size_t kTreeBytes = 48;
constexpr std::size_t kMetaBytes = 136;  // behind the page's header
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
constexpr std::uint64_t kMetaPages = 2;
// LMDB's stack of a cursor; eight levels hold more pages than a file may have.
constexpr std::uint16_t kDepthMax = 32;
// Of the largest map that a store is given (kMapBytes, 64 GiB) in the smallest pages: what the list of owners
// takes, 16 MiB, is bounded by it.
constexpr std::uint64_t kPagesMax = std::uint64_t{1} << 27;

// Of a page.
constexpr std::uint16_t kBranch = 0x01;
constexpr std::uint16_t kLeaf = 0x02;
constexpr std::uint16_t kOverflow = 0x04;
constexpr std::uint16_t kMeta = 0x08;
constexpr std::uint16_t kDirty = 0x10;
constexpr std::uint16_t kInsideNode = 0x40;
// Of a node.
constexpr std::uint16_t kBigData = 0x01;
constexpr std::uint16_t kSubTree = 0x02;
constexpr std::uint16_t kPairs = 0x04;
// Of a tree: how its keys compare, and whether they repeat. The free list's flags are the file's, too.
constexpr std::uint16_t kTreeFlags = 0x7f;
constexpr std::uint16_t kIntegerKeys = 0x08;
constexpr std::uint16_t kRepeats = 0x04;

template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

LmdbTree read_tree(std::string_view bytes) {
  return {.flags = number_at<std::uint16_t>(bytes, 4),
          .depth = number_at<std::uint16_t>(bytes, 6),
          .branch_pages = number_at<std::uint64_t>(bytes, 8),
          .leaf_pages = number_at<std::uint64_t>(bytes, 16),
          .overflow_pages = number_at<std::uint64_t>(bytes, 24),
          .entries = number_at<std::uint64_t>(bytes, 32),
          .root = number_at<std::uint64_t>(bytes, 40)};
}

std::unexpected<base::Error> damage_of(std::uint64_t page, std::string_view what) {
  return lmdb_damage(fmt::format("page {}: {}", page, what));
}

base::Result<std::string> read_bytes(int file, std::uint64_t offset, std::size_t bytes) {
  std::string out(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t count = pread(file, out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::system_error("cannot read it", errno);
    if (count == 0)
      return lmdb_damage(fmt::format("it was cut short: nothing is behind byte {}", offset + done));
    done += static_cast<std::size_t>(count);
  }
  return out;
}

}  // namespace

std::unexpected<base::Error> lmdb_damage(std::string what) {
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore, std::move(what));
}

// A page of keys, or one inside a node: its nodes lie within it once check() passed.
class LmdbPages::Page {
 public:
  Page(std::uint64_t number, std::string bytes) : number_(number), bytes_(std::move(bytes)) {}

  // What is wrong with it; empty: nothing.
  std::string_view check() const {
    const std::size_t lower = number_at<std::uint16_t>(bytes_, 12);
    const std::size_t upper = number_at<std::uint16_t>(bytes_, 14);
    if (lower < kPageHeaderBytes || lower % 2 != 0 || upper < lower || upper > bytes_.size()) {
      return "its bounds make no sense";
    }
    if (count() == 0) return "it is empty";
    for (std::size_t i = 0; i < count(); ++i) {
      const std::size_t at = offset(i);
      if (at < upper || at + kNodeHeaderBytes > bytes_.size()) return "a record lies outside of it";
      const std::size_t behind_key = at + kNodeHeaderBytes + key_bytes(at);
      const std::size_t data_bytes = is_branch()                  ? 0
                                     : (node_flags(i) & kBigData) ? sizeof(std::uint64_t)
                                                                  : size_of(i);
      if (behind_key > bytes_.size() || data_bytes > bytes_.size() - behind_key) {
        return "a record lies outside of it";
      }
    }
    return {};
  }

  std::uint64_t number() const { return number_; }
  std::uint16_t flags() const { return number_at<std::uint16_t>(bytes_, 10); }
  bool is_branch() const { return flags() & kBranch; }
  std::size_t count() const { return (number_at<std::uint16_t>(bytes_, 12) - kPageHeaderBytes) / 2; }

  std::string_view key(std::size_t i) const {
    return std::string_view(bytes_).substr(offset(i) + kNodeHeaderBytes, key_bytes(offset(i)));
  }
  std::uint16_t node_flags(std::size_t i) const { return number_at<std::uint16_t>(bytes_, offset(i) + 4); }
  std::uint32_t size_of(std::size_t i) const { return number_at<std::uint32_t>(bytes_, offset(i)); }
  // In a leaf: the value, or with kBigData where it is.
  std::string_view data(std::size_t i) const {
    const std::size_t bytes = (node_flags(i) & kBigData) ? sizeof(std::uint64_t) : size_of(i);
    return std::string_view(bytes_).substr(offset(i) + kNodeHeaderBytes + key_bytes(offset(i)), bytes);
  }
  // In a branch: 48 bits.
  std::uint64_t child(std::size_t i) const {
    return size_of(i) | static_cast<std::uint64_t>(node_flags(i)) << 32;
  }

 private:
  std::size_t offset(std::size_t i) const {
    return number_at<std::uint16_t>(bytes_, kPageHeaderBytes + 2 * i);
  }
  std::size_t key_bytes(std::size_t at) const { return number_at<std::uint16_t>(bytes_, at + 6); }

  std::uint64_t number_;
  std::string bytes_;
};

// Where a walk is: which tree, and the key that every next one must be behind.
struct LmdbPages::Place {
  enum class Kind : unsigned char { kMain, kFree, kTable, kPairsOfKey } kind = Kind::kMain;
  std::string table;
  std::string key_of_pairs = {};
  std::uint16_t depth = 0;
  std::optional<std::string> last_key = {};
  std::optional<std::string> bound = {};  // of the page above: the next key is not before it

  bool precedes(std::string_view before, std::string_view key) const {
    if (kind != Kind::kFree) return before < key;
    if (key.size() != sizeof(std::uint64_t) || before.size() != sizeof(std::uint64_t)) return false;
    return number_at<std::uint64_t>(before, 0) < number_at<std::uint64_t>(key, 0);
  }
  // False: it is out of order.
  bool step(std::string_view key) {
    const bool is_good = (!last_key || precedes(*last_key, key)) && (!bound || !precedes(key, *bound));
    last_key = key;
    bound.reset();
    return is_good && (kind != Kind::kFree || key.size() == sizeof(std::uint64_t));
  }
};

struct LmdbPages::Counts {
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;

  bool match(const LmdbTree& tree) const {
    return branch_pages == tree.branch_pages && leaf_pages == tree.leaf_pages &&
           overflow_pages == tree.overflow_pages && entries == tree.entries;
  }
};

base::Result<LmdbPages> LmdbPages::open(int file) {
  LmdbPages pages(file);
  if (auto status = pages.read_metas(); !status) return std::unexpected(status.error());
  return pages;
}

// LMDB writes the two in turns: transaction n into page n % 2, so that their numbers are neighbours.
base::Status LmdbPages::read_metas() {
  for (std::size_t i = 0; i < kMetaPages; ++i) {
    const auto bytes = read_bytes(file_, i * page_bytes_, kPageHeaderBytes + kMetaBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const std::string_view meta = std::string_view(*bytes).substr(kPageHeaderBytes);
    if (number_at<std::uint32_t>(meta, 0) != kLmdbMagic ||
        number_at<std::uint32_t>(meta, 4) != kDataVersion || number_at<std::uint16_t>(*bytes, 10) != kMeta ||
        number_at<std::uint64_t>(*bytes, 0) != i) {
      return damage_of(i, "it is no meta page of LMDB");
    }
    const auto page_bytes = number_at<std::uint32_t>(meta, 24);
    if (!std::has_single_bit(page_bytes) || page_bytes < 512 || page_bytes > 65536 ||
        (i > 0 && page_bytes != page_bytes_)) {
      return damage_of(i, "its size of pages makes no sense");
    }
    page_bytes_ = page_bytes;
    LmdbMeta& out = metas_[i];
    out.free = read_tree(meta.substr(24));
    out.main = read_tree(meta.substr(24 + kTreeBytes));
    out.last_page = number_at<std::uint64_t>(meta, 24 + 2 * kTreeBytes);
    out.txn_id = number_at<std::uint64_t>(meta, 24 + 2 * kTreeBytes + 8);
    if (out.last_page >= kPagesMax || out.last_page < kMetaPages - 1 || out.txn_id % 2 != i) {
      return damage_of(i, "its numbers make no sense");
    }
    if ((out.free.flags & kTreeFlags) != kIntegerKeys || (out.main.flags & kTreeFlags) != 0) {
      return damage_of(i, "its flags make no sense");
    }
  }
  newest_ = metas_[0].txn_id > metas_[1].txn_id ? 0 : 1;
  if (metas_[newest_].txn_id - metas_[1 - newest_].txn_id != 1) {
    return lmdb_damage("the numbers of its two meta pages do not follow each other");
  }
  return {};
}

base::Result<LmdbPages::Page> LmdbPages::read_page(std::uint64_t number) const {
  if (number < kMetaPages || number > last_page_) {
    return damage_of(number, "a page leads to it, and the file has none of that number");
  }
  auto bytes = read_bytes(file_, number * page_bytes_, page_bytes_);
  if (!bytes) return std::unexpected(bytes.error());
  if (number_at<std::uint64_t>(*bytes, 0) != number)
    return damage_of(number, "it says that it is another page");
  Page page(number, std::move(*bytes));
  if (page.flags() != kBranch && page.flags() != kLeaf) return damage_of(number, "it is no page of keys");
  if (const auto fault = page.check(); !fault.empty()) return damage_of(number, fault);
  return page;
}

// `pages` becomes how many it has, which can be more than its bytes need.
base::Result<std::string> LmdbPages::read_overflow(std::uint64_t number, std::size_t bytes,
                                                   std::uint64_t& pages) const {
  const std::uint64_t needed = (kPageHeaderBytes - 1 + bytes) / page_bytes_ + 1;
  if (number < kMetaPages || number > last_page_ || needed > last_page_ - number + 1) {
    return damage_of(number, "a value leads to it, and the file has none of that number");
  }
  auto out = read_bytes(file_, number * page_bytes_, kPageHeaderBytes + bytes);
  if (!out) return out;
  pages = number_at<std::uint32_t>(*out, 12);
  if (number_at<std::uint64_t>(*out, 0) != number || number_at<std::uint16_t>(*out, 10) != kOverflow ||
      pages < needed || pages > last_page_ - number + 1) {
    return damage_of(number, "it is no page of a value");
  }
  out->erase(0, kPageHeaderBytes);
  return out;
}

base::Status LmdbPages::own(std::uint64_t first, std::uint64_t pages) {
  for (std::uint64_t i = first; i < first + pages; ++i) {
    if (owned_[i]) return damage_of(i, "two places lead to it");
    owned_[i] = true;
  }
  return {};
}

// A list of LMDB: how many, then the numbers, falling.
base::Status LmdbPages::own_free_pages(std::string_view list) {
  const std::size_t room = list.size() / sizeof(std::uint64_t);
  const std::uint64_t count = room == 0 ? 0 : number_at<std::uint64_t>(list, 0);
  if (room == 0 || count > room - 1) return lmdb_damage("a list of free pages has a wrong length");
  std::uint64_t before = last_page_ + 1;
  for (std::size_t i = 1; i <= count; ++i) {
    const auto page = number_at<std::uint64_t>(list, i * sizeof(std::uint64_t));
    if (page < kMetaPages || page >= before) return lmdb_damage("a list of free pages makes no sense");
    if (auto status = own(page, 1); !status) return status;
    before = page;
  }
  return {};
}

base::Status LmdbPages::walk(std::string_view pair_table, const Visitor& visit) {
  last_page_ = newest().last_page;
  owned_.assign(last_page_ + 1, false);
  pair_table_ = pair_table;
  visit_ = &visit;
  Place main{.kind = Place::Kind::kMain, .table = {}};
  if (auto status = walk_tree(newest().main, main); !status) return status;
  Place free{.kind = Place::Kind::kFree, .table = {}};
  if (auto status = walk_tree(newest().free, free); !status) return status;
  return check_last_page();
}

// LMDB may leave the last pages unwritten, but only when they are free.
base::Status LmdbPages::check_last_page() const {
  struct stat about{};
  if (fstat(file_, &about) != 0) return base::system_error("cannot look at it", errno);
  const std::uint64_t in_file = static_cast<std::uint64_t>(about.st_size) / page_bytes_;
  for (std::uint64_t i = std::max(in_file, kMetaPages); i <= last_page_; ++i) {
    if (!owned_[i]) return damage_of(i, "it is neither in the file nor free");
  }
  return {};
}

base::Status LmdbPages::walk_tree(const LmdbTree& tree, Place& place) {
  if (tree.depth > kDepthMax || (tree.depth == 0) != (tree.root == kNoPage)) {
    return lmdb_damage(fmt::format("table {}: its depth makes no sense", place.table));
  }
  place.depth = tree.depth;
  Counts counts;
  if (tree.root != kNoPage) {
    if (auto status = walk_page(tree.root, 1, place, counts); !status) return status;
  }
  if (!counts.match(tree)) return lmdb_damage(fmt::format("table {}: its counts are wrong", place.table));
  return {};
}

base::Status LmdbPages::walk_page(std::uint64_t number, std::uint16_t level, Place& place, Counts& counts) {
  const auto page = read_page(number);
  if (!page) return std::unexpected(page.error());
  if (auto status = own(number, 1); !status) return status;
  if (page->is_branch() == (level == place.depth)) return damage_of(number, "it is at a wrong level");
  if (!page->is_branch()) {
    ++counts.leaf_pages;
    return walk_leaf(*page, place, counts);
  }
  ++counts.branch_pages;
  // LMDB ends the process for one child, but not in the list of free pages.
  if (page->count() < 2 && place.kind != Place::Kind::kFree) return damage_of(number, "it has one child");
  for (std::size_t i = 0; i < page->count(); ++i) {
    // The first key is no bound. The others: behind all that is before them, and not behind what they lead
    // to.
    if (i > 0) {
      if (place.last_key && !place.precedes(*place.last_key, page->key(i))) {
        return damage_of(number, "its keys are out of order");
      }
      place.bound = page->key(i);
    }
    if (auto status = walk_page(page->child(i), static_cast<std::uint16_t>(level + 1), place, counts);
        !status) {
      return status;
    }
  }
  return {};
}

base::Status LmdbPages::walk_leaf(const Page& page, Place& place, Counts& counts) {
  const bool has_pairs = place.kind == Place::Kind::kTable && place.table == pair_table_;
  for (std::size_t i = 0; i < page.count(); ++i) {
    const std::string_view key = page.key(i);
    const std::uint16_t flags = page.node_flags(i);
    if (key.empty() || !place.step(key)) return damage_of(page.number(), "its keys are out of order");
    base::Status status;
    if (flags & kPairs) {
      if (!has_pairs) return damage_of(page.number(), "a record is of a wrong kind");
      status = walk_pairs(page, i, place, counts);
    } else if (flags == kSubTree && place.kind == Place::Kind::kMain) {
      ++counts.entries;
      status = walk_table(key, page.data(i));
    } else if (flags == kBigData && place.kind != Place::Kind::kMain) {
      ++counts.entries;
      const auto first = number_at<std::uint64_t>(page.data(i), 0);
      std::uint64_t pages = 0;
      const auto value = read_overflow(first, page.size_of(i), pages);
      if (!value) return std::unexpected(value.error());
      if (status = own(first, pages); !status) return status;
      counts.overflow_pages += pages;
      status = visit_record(key, *value, place);
    } else if (flags == 0 && place.kind != Place::Kind::kMain) {
      ++counts.entries;
      status = visit_record(key, page.data(i), place);
    } else {
      return damage_of(page.number(), "a record is of a wrong kind");
    }
    if (!status) return status;
  }
  return {};
}

base::Status LmdbPages::walk_table(std::string_view name, std::string_view data) {
  if (data.size() != kTreeBytes) return lmdb_damage(fmt::format("table {}: it is no table", name));
  const LmdbTree tree = read_tree(data);
  if ((tree.flags & kTreeFlags) != (name == pair_table_ ? kRepeats : 0)) {
    return lmdb_damage(fmt::format("table {}: its flags make no sense", name));
  }
  Place place{.kind = Place::Kind::kTable, .table = std::string(name)};
  return walk_tree(tree, place);
}

// All values of one key: a page inside the node, or a tree of their own. Each is a key there, without a
// value.
base::Status LmdbPages::walk_pairs(const Page& page, std::size_t index, Place& place, Counts& counts) {
  Place inner{
      .kind = Place::Kind::kPairsOfKey, .table = place.table, .key_of_pairs = std::string(page.key(index))};
  if (page.node_flags(index) == (kPairs | kSubTree)) {
    if (page.data(index).size() != kTreeBytes) return damage_of(page.number(), "a record has a wrong length");
    const LmdbTree tree = read_tree(page.data(index));
    if ((tree.flags & kTreeFlags) != 0) return damage_of(page.number(), "a record is of a wrong kind");
    counts.entries += tree.entries;  // its own walk compares them
    return walk_tree(tree, inner);
  }
  const Page pairs(page.number(), std::string(page.data(index)));
  if (page.node_flags(index) != kPairs || page.data(index).size() < kPageHeaderBytes ||
      pairs.flags() != (kLeaf | kDirty | kInsideNode) || !pairs.check().empty()) {
    return damage_of(page.number(), "a record is of a wrong kind");
  }
  counts.entries += pairs.count();
  Counts none;
  return walk_leaf(pairs, inner, none);
}

base::Status LmdbPages::visit_record(std::string_view key, std::string_view value, Place& place) {
  if (place.kind == Place::Kind::kFree) return own_free_pages(value);
  if (place.kind == Place::Kind::kPairsOfKey) {
    if (!value.empty()) return lmdb_damage(fmt::format("table {}: a pair has a value", place.table));
    (*visit_)(place.table, place.key_of_pairs, key);
  } else {
    (*visit_)(place.table, key, value);
  }
  return {};
}

base::Result<std::string> LmdbPages::find(const LmdbMeta& meta, std::string_view table,
                                          std::string_view key) {
  last_page_ = meta.last_page;
  const auto tree = search(meta.main, table);
  if (!tree || tree->empty()) return tree;
  if (tree->size() != kTreeBytes) return lmdb_damage(fmt::format("table {}: it is no table", table));
  return search(read_tree(*tree), key);
}

base::Result<std::string> LmdbPages::search(const LmdbTree& tree, std::string_view key) const {
  std::uint64_t number = tree.root;
  for (std::uint16_t level = 0; number != kNoPage && level < kDepthMax; ++level) {
    const auto page = read_page(number);
    if (!page) return std::unexpected(page.error());
    std::size_t i = page->count();
    while (i > (page->is_branch() ? 1U : 0U) && page->key(i - 1) > key) --i;
    if (page->is_branch()) {
      number = page->child(i - 1);
      continue;
    }
    if (i == 0 || page->key(i - 1) != key) return std::string();
    if (!(page->node_flags(i - 1) & kBigData)) return std::string(page->data(i - 1));
    std::uint64_t pages = 0;
    return read_overflow(number_at<std::uint64_t>(page->data(i - 1), 0), page->size_of(i - 1), pages);
  }
  if (number == kNoPage) return std::string();
  return lmdb_damage("a table is deeper than one can be");
}

}  // namespace apisix::store
