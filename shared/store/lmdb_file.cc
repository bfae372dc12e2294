#include "shared/store/lmdb_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/store/lmdb_write.h"

namespace apisix::store {
namespace {

base::Result<StoreState> read_state(LmdbTxn& txn, const LmdbTables& tables, StoreFormat format) {
  const auto bytes = txn.find(tables.meta, LmdbFile::kStateName);
  const auto state = bytes ? decode_state(*bytes, format) : std::nullopt;
  if (!state) return base::fail(base::ErrorCode::kIo, base::ErrorSource::kStore, "its state");
  return *state;
}

// Adds the event at the cursor to the batch of its revision; false = not an event.
bool add_event(const LmdbCursor& cursor, StoreFormat format, std::vector<EventBatch>& batches) {
  const auto at = decode_pair_key(cursor.key());
  if (!at) return false;
  const auto revision = static_cast<Revision>(at->first);
  auto event = decode_event(*at, cursor.value(), format);
  if (!event) return false;
  if (batches.empty() || batches.back().revision != revision) batches.push_back({revision, {}});
  batches.back().events.push_back(std::move(*event));
  return true;
}

std::optional<std::uint64_t> find_next_expiry(LmdbTxn& txn, const LmdbTables& tables) {
  LmdbCursor cursor(txn, tables.lease_due);
  if (!cursor.first()) return std::nullopt;
  const auto due = decode_pair_key(cursor.key());
  return due ? std::optional(due->first) : std::nullopt;
}

}  // namespace

base::Result<Item> LmdbFile::get(const std::string& key) {
  auto txn = env_->begin_read();
  if (!txn) return std::unexpected(txn.error());
  const auto bytes = txn->find(tables_.kv, key);
  if (txn->code() != 0) return env_->error("cannot read the store", txn->code());
  if (!bytes) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, "there is no key " + key);
  }
  auto item = decode_item(key, *bytes, format_);
  if (!item) return mismatch("the value of " + key);
  return std::move(*item);
}

base::Result<ListReply> LmdbFile::list(const std::string& prefix) {
  auto txn = env_->begin_read();
  if (!txn) return std::unexpected(txn.error());
  const auto state = read_state(*txn, tables_, format_);
  if (!state) return mismatch(state.error().what);
  ListReply reply;
  reply.revision = state->revision;
  LmdbCursor cursor(*txn, tables_.kv);
  for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix); more = cursor.next()) {
    auto item = decode_item(cursor.key(), cursor.value(), format_);
    if (!item) return mismatch(fmt::format("the value of {}", cursor.key()));
    reply.items.push_back(std::move(*item));
  }
  if (txn->code() != 0) return env_->error("cannot read the store", txn->code());
  return reply;
}

base::Result<LogPage> LmdbFile::read_log(Revision from, std::size_t revisions_max, std::size_t bytes_max) {
  auto txn = env_->begin_read();
  if (!txn) return std::unexpected(txn.error());
  const auto state = read_state(*txn, tables_, format_);
  if (!state) return mismatch(state.error().what);
  LogPage page;
  page.state = *state;
  page.next_expiry_ms = find_next_expiry(*txn, tables_);
  if (from > state->revision) return page;
  LmdbCursor cursor(*txn, tables_.log);
  std::size_t bytes = 0;
  for (bool more = cursor.seek(encode_pair_key(static_cast<std::uint64_t>(std::max<Revision>(from, 0)), 0));
       more; more = cursor.next()) {
    const auto at = decode_pair_key(cursor.key());
    const bool begins =
        at && (page.batches.empty() || page.batches.back().revision != static_cast<Revision>(at->first));
    page.more = begins && (page.batches.size() >= revisions_max || bytes >= bytes_max);
    if (page.more) break;
    if (!add_event(cursor, format_, page.batches)) return mismatch("an event of its log");
    bytes += cursor.value().size();
  }
  if (txn->code() != 0) return env_->error("cannot read the store", txn->code());
  return page;
}

CommitReply LmdbFile::commit(std::span<const WriteRequest> requests, std::uint64_t now_ms) {
  auto all = commit_once(requests, now_ms);
  if (all) return std::move(*all);
  CommitReply reply;
  if (requests.size() == 1) {
    reply.replies.emplace_back(std::unexpected(all.error()));
    return reply;
  }
  // One of them may be what did not fit: each is retried alone, with a reply of its own.
  for (const WriteRequest& request : requests) {
    CommitReply one = commit({&request, 1}, now_ms);
    reply.replies.push_back(std::move(one.replies.front()));
    reply.changed |= one.changed;
  }
  return reply;
}

base::Result<CommitReply> LmdbFile::commit_once(std::span<const WriteRequest> requests,
                                                std::uint64_t now_ms) {
  auto txn = env_->begin_write();
  if (!txn) return std::unexpected(txn.error());
  if (auto status = env_->check_place(); !status) return std::unexpected(status.error());
  const auto state = read_state(*txn, tables_, format_);
  if (!state) return mismatch(state.error().what);
  LmdbWrite write(*txn, tables_, *state, format_, {options_.log_revisions_max, options_.log_bytes_max},
                  now_ms);
  CommitReply reply;
  for (const WriteRequest& request : requests) {
    reply.replies.push_back(write.apply(request));
    if (txn->code() != 0) break;
  }
  reply.changed = write.finish();
  if (write.found_damage()) return mismatch("a record that the change meets");
  if (txn->code() == 0 && !reply.changed) return reply;
  if (txn->commit() != 0) return env_->error("cannot write to the store", txn->code());
  announce_change(notice_);
  return reply;
}

}  // namespace apisix::store
