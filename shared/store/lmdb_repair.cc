// LmdbFile: what the first opening makes right, each in one transaction: values whose copy in the log is
// good, a log with damaged events, and a store of format 1, which gets its checksums.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "shared/store/lmdb_check.h"
#include "shared/store/lmdb_file.h"

namespace apisix::store {
namespace {

using Copies = std::map<std::string, std::optional<Event>, std::less<>>;  // key -> its last event in the log

// Of the keys asked for. An event that cannot be read may be of any key: what is before it says nothing.
void find_copies(LmdbTxn& txn, LmdbTable log, StoreFormat format, Copies& copies) {
  LmdbCursor cursor(txn, log);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    const auto at = decode_pair_key(cursor.key());
    auto event = at ? decode_event(*at, cursor.value(), format) : std::nullopt;
    if (!event) {
      for (auto& [key, copy] : copies) copy.reset();
    } else if (const auto wanted = copies.find(event->item.key); wanted != copies.end()) {
      wanted->second = std::move(event);
    }
  }
}

void drop_log(LmdbTxn& txn, LmdbTable log, StoreState& state, Revision until) {
  LmdbCursor cursor(txn, log);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    const auto at = decode_pair_key(cursor.key());
    if (at && until<state.revision&& static_cast<Revision>(at->first)> until) return;
    const std::uint64_t bytes = cursor.key().size() + cursor.value().size();
    state.log_bytes -= std::min(state.log_bytes, bytes);
    cursor.remove();
  }
}

using NewValue = std::function<std::optional<std::string>(std::string_view key, std::string_view value)>;

// Key by key, since a write moves what a cursor points at.
void rewrite(LmdbTxn& txn, LmdbTable table, const NewValue& new_value) {
  std::string key;
  for (;;) {
    std::string next;
    std::optional<std::string> value;
    {
      LmdbCursor cursor(txn, table);
      bool more = cursor.seek(key);
      if (more && cursor.key() == key) more = cursor.next();
      if (!more) return;
      next = cursor.key();
      value = new_value(next, cursor.value());
    }
    if (value) txn.put(table, next, *value);
    key = std::move(next);
  }
}

}  // namespace

base::Status LmdbFile::mend(const StoreFaults& faults) {
  if (faults.none()) return {};
  auto txn = env_->begin_write();
  if (!txn) return std::unexpected(txn.error());
  const auto bytes = txn->find(tables_.meta, kStateName);
  auto state = bytes ? decode_state(*bytes, format_) : std::nullopt;
  if (!state) return damaged("its state");
  Copies copies;
  for (const std::string& key : faults.items) copies[key];
  find_copies(*txn, tables_.log, format_, copies);
  std::vector<std::string> lost;
  for (const auto& [key, copy] : copies) {
    if (!copy || copy->type != Event::Type::kPut) {
      lost.push_back(key);
      continue;
    }
    txn->put(tables_.kv, key, encode_item(copy->item, format_));
    notes_.push_back(fmt::format(
        "{}: the value of {} did not match its checksum; it was restored from the log", path(), key));
  }
  if (!lost.empty()) return refuse_damaged_items(path(), lost);
  if (faults.log_until > 0) {
    drop_log(*txn, tables_.log, *state, faults.log_until);
    state->floor = std::max(state->floor, faults.log_until);
    notes_.push_back(
        fmt::format("{}: damaged events of the log were dropped, up to revision {}; the values are "
                    "whole",
                    path(), faults.log_until));
  }
  state->txn_id = txn->id();
  txn->put(tables_.meta, kStateName, encode_state(*state, format_));
  if (txn->commit() != 0) return env_->error("cannot mend the store", txn->code());
  return {};
}

// The log is dropped: all its watches have ended.
base::Status LmdbFile::add_checksums() {
  if (format_ == StoreFormat::kWithChecksums || env_->is_shared()) return {};
  constexpr StoreFormat kNew = StoreFormat::kWithChecksums;
  auto txn = env_->begin_write();
  if (!txn) return std::unexpected(txn.error());
  const auto bytes = txn->find(tables_.meta, kStateName);
  auto state = bytes ? decode_state(*bytes, format_) : std::nullopt;
  if (!state) return damaged("its state");
  state->floor = state->revision;
  state->log_bytes = 0;
  state->txn_id = txn->id();
  txn->clear(tables_.log);
  rewrite(*txn, tables_.kv, [](std::string_view key, std::string_view value) {
    const auto item = decode_item(key, value, StoreFormat::kWithoutChecksums);
    return item ? std::optional(encode_item(*item, kNew)) : std::nullopt;
  });
  rewrite(*txn, tables_.lease,
          [](std::string_view key, std::string_view value) -> std::optional<std::string> {
            const auto id = static_cast<LeaseId>(decode_number_key(key).value_or(0));
            const auto lease = decode_lease(id, value, StoreFormat::kWithoutChecksums);
            return lease ? std::optional(encode_lease(id, *lease, kNew)) : std::nullopt;
          });
  rewrite(*txn, tables_.lease_due, [](std::string_view key, std::string_view) -> std::optional<std::string> {
    const auto due = decode_pair_key(key);
    return due ? std::optional(encode_due(*due, kNew)) : std::nullopt;
  });
  txn->put(tables_.meta, kUuidName, encode_uuid(uuid_, kNew));
  txn->put(tables_.meta, kFormatName, name_of(kNew));
  txn->put(tables_.meta, kStateName, encode_state(*state, kNew));
  if (txn->commit() != 0) {
    // A full disk is no reason not to serve what is there.
    notes_.push_back(env_->error("its values get no checksums yet", txn->code()).error().what);
    return {};
  }
  format_ = kNew;
  return {};
}

}  // namespace apisix::store
