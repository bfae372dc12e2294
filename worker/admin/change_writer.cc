#include "worker/admin/change_writer.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "shared/base/log.h"

namespace apisix::admin {
namespace {

// What the values of one entry may take: a thousand of the largest are 256 MiB.
constexpr std::size_t kValuesBytesMax = 256 << 10;
// Shortened once for so many entries: reading the list with every change would cost more than the change.
constexpr std::size_t kWritesPerTrim = 16;
constexpr std::size_t kBytesPerWrite = 32;  // of the message around key and value

// The rights of an etcd's user do not change every minute.
constexpr std::uint64_t kDeniedMs = 300'000;

// A push may change the list of plugins alone.
bool writes_key(const store::Txn& txn, std::string_view key) {
  return std::ranges::any_of(txn.writes, [key](const store::Write& write) {
    return std::visit([key](const auto& each) { return each.key == key; }, write);
  });
}

bool is_denial(const base::Error& error) {
  return error.what.contains("permission denied");
}

std::size_t bytes_of(const store::Txn& txn) {
  std::size_t out = 0;
  for (const store::Write& write : txn.writes) {
    const auto* put = std::get_if<store::Put>(&write);
    out += kBytesPerWrite +
           (put != nullptr ? put->key.size() + put->value.size() : std::get<store::Delete>(write).key.size());
  }
  return out;
}

// Of the values before and after, before they are written as an entry, which is longer.
std::size_t bytes_of(const std::vector<Change>& changes) {
  std::size_t out = 0;
  for (const Change& change : changes)
    out += change.before.value.size() + (change.after ? change.after->size() : 0);
  return out;
}

}  // namespace

ChangeWriter::ChangeWriter(event::Loop& loop, store::Store& store, History& history, std::string prefix)
    : loop_(loop),
      store_(store),
      history_(history),
      prefix_(std::move(prefix)),
      random_(std::random_device{}()),
      scope_(loop) {}

store::Txn ChangeWriter::plan(const std::vector<Change>& changes, const Author& author, store::Txn with) {
  store::Txn txn = std::move(with);
  add_compares(changes, txn);
  for (const Change& change : changes) {
    if (change.after) {
      txn.writes.emplace_back(store::Put{change.key, *change.after, change.lease});
    } else {
      txn.writes.emplace_back(store::Delete{change.key});
    }
  }
  add_entry(changes, author, txn);
  return txn;
}

void ChangeWriter::add_compares(const std::vector<Change>& changes, store::Txn& txn) const {
  const store::TxnLimits limits = store_.txn_limits();
  const bool is_covered = !txn.unchanged.empty();
  if (is_covered && limits.sees_deletes) return;
  const std::size_t taken = txn.compares.size() + txn.unchanged.size();
  const std::size_t room = limits.compares_max - std::min(limits.compares_max, taken);
  if (!is_covered && changes.size() > room) return;
  std::size_t added = 0;
  for (const Change& change : changes) {
    // What a condition on a folder does not see is that an object was deleted.
    if (is_covered && (change.before.mod_revision == 0 || added == room)) continue;
    txn.compares.push_back({store::Compare::Target::kModRevision, change.key, change.before.mod_revision});
    ++added;
  }
}

void ChangeWriter::add_entry(const std::vector<Change>& changes, const Author& author, store::Txn& txn) {
  if (is_denied() || (changes.empty() && !writes_key(txn, prefix_ + "/plugins"))) return;
  const std::uint64_t now_ms = loop_.clock().wall_ms();
  const std::string id = make_history_id(now_ms, random_.next());
  const store::TxnLimits limits = store_.txn_limits();
  // Also without an entry: for later writers, the head is the only trace of a delete.
  txn.writes.emplace_back(store::Put{history_.head_key(), id, 0});
  if (!history_.is_kept() || changes.empty()) return;
  const bool is_small = changes.size() <= kHistoryChangesMax && bytes_of(changes) <= kValuesBytesMax;
  std::string values = is_small ? encode_history_values(changes) : std::string();
  txn.writes.emplace_back(
      store::Put{history_.index_key(id), encode_history_index(changes, prefix_, author, now_ms, true), 0});
  const std::size_t index = txn.writes.size() - 1;
  if (is_small && values.size() <= kValuesBytesMax && txn.writes.size() < limits.writes_max &&
      bytes_of(txn) + values.size() + history_.values_key(id).size() + kBytesPerWrite <= limits.bytes_max) {
    txn.writes.emplace_back(store::Put{history_.values_key(id), std::move(values), 0});
    return;
  }
  std::get<store::Put>(txn.writes[index]).value =
      encode_history_index(changes, prefix_, author, now_ms, false);
}

bool ChangeWriter::is_denied() const {
  return loop_.clock().monotonic_ms() < denied_until_ms_;
}

store::Txn ChangeWriter::without_entry(store::Txn txn) {
  denied_until_ms_ = loop_.clock().monotonic_ms() + kDeniedMs;
  base::log_warn("no history of changes is kept: the user of the store may not write {}", history_.folder());
  const auto is_entry = [this](std::string_view key) { return key.starts_with(history_.folder()); };
  std::erase_if(txn.compares, [&](const store::Compare& compare) { return is_entry(compare.key); });
  std::erase_if(txn.writes, [&](const store::Write& write) {
    return std::visit([&](const auto& each) { return is_entry(each.key); }, write);
  });
  return txn;
}

base::Status ChangeWriter::check_fits(const store::Txn& txn) const {
  const store::TxnLimits limits = store_.txn_limits();
  const std::size_t bytes = bytes_of(txn);
  if (txn.writes.size() <= limits.writes_max && bytes <= limits.bytes_max) return {};
  return base::fail(
      base::ErrorCode::kTooLarge, base::ErrorSource::kClient,
      fmt::format("the set is too large for one transaction of the {} store: {} writes and {} bytes with its "
                  "entry in the history, the bounds are {} writes and {} bytes; nothing was stored",
                  store_.provider(), txn.writes.size(), bytes, limits.writes_max, limits.bytes_max));
}

async::Task<base::Result<store::TxnReply>> ChangeWriter::commit(store::Txn txn) {
  auto done = co_await store_.txn(txn);
  if (!done && !is_denied() && is_denial(done.error())) {
    done = co_await store_.txn(without_entry(std::move(txn)));
    co_return done;
  }
  if (done && done->succeeded && history_.is_kept() && !is_denied() && ++entries_ >= kWritesPerTrim) {
    entries_ = 0;
    scope_.spawn(history_.trim());
  }
  co_return done;
}

}  // namespace apisix::admin
