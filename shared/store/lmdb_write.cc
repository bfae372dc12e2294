#include "shared/store/lmdb_write.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/random.h>

namespace apisix::store {
namespace {

// One in so many of the log is trimmed late, so that it is not trimmed with each commit.
constexpr std::uint64_t kTrimSlackShare = 16;
constexpr std::size_t kLeasesPerCommitMax = 64;

std::string_view key_of(const Write& write) {
  return std::visit([](const auto& each) -> std::string_view { return each.key; }, write);
}

base::Status check_key(std::string_view key) {
  if (!key.empty() && key.size() <= kKeyBytesMax) return {};
  return base::invalid(fmt::format("a key of the store must have 1 to {} bytes, \"{}{}\" has {}",
                                   kKeyBytesMax, key.substr(0, 64), key.size() > 64 ? "..." : "",
                                   key.size()));
}

base::Status check_sizes(const Txn& txn) {
  std::size_t bytes = 0;
  for (const Compare& compare : txn.compares) {
    if (auto status = check_key(compare.key); !status) return status;
  }
  for (const Write& write : txn.writes) {
    if (auto status = check_key(key_of(write)); !status) return status;
    const Put* put = std::get_if<Put>(&write);
    const std::size_t value_bytes = put == nullptr ? 0 : put->value.size();
    if (value_bytes > kValueBytesMax) {
      return base::fail(base::ErrorCode::kTooLarge, base::ErrorSource::kClient,
                        fmt::format("the value of {} has {} bytes, the store takes {}", put->key, value_bytes,
                                    kValueBytesMax));
    }
    bytes += key_of(write).size() + value_bytes;
  }
  if (bytes <= kTxnBytesMax) return {};
  return base::fail(
      base::ErrorCode::kTooLarge, base::ErrorSource::kClient,
      fmt::format("a transaction of {} bytes is larger than the store takes, {}", bytes, kTxnBytesMax));
}

// As etcd: one transaction changes a key once.
base::Status check_unique(const Txn& txn) {
  if (txn.writes.size() < 2) return {};
  std::vector<std::string_view> keys;
  keys.reserve(txn.writes.size());
  for (const Write& write : txn.writes) keys.push_back(key_of(write));
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice == keys.end()) return {};
  return base::invalid(fmt::format("the transaction writes the key {} twice", *twice));
}

LeaseId random_lease_id() {
  std::uint64_t bits = 0;
  while (bits == 0) {
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = 0;
    bits >>= 2;  // positive, and small enough to be counted on
  }
  return static_cast<LeaseId>(bits);
}

std::string lease_key(LeaseId id) {
  return encode_number_key(static_cast<std::uint64_t>(id));
}

std::unexpected<base::Error> no_such_lease(LeaseId id) {
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore,
                    fmt::format("there is no lease {}, or it has run out", id));
}

}  // namespace

base::Result<WriteReply> LmdbWrite::apply(const WriteRequest& request) {
  return std::visit([this](const auto& each) { return run(each); }, request);
}

std::optional<Item> LmdbWrite::find_item(const std::string& key) {
  const auto bytes = txn_.find(tables_.kv, key);
  if (!bytes) return std::nullopt;
  auto item = decode_item(key, *bytes, format_);
  damage_ |= !item;
  return item;
}

bool LmdbWrite::holds(const Compare& compare) {
  const auto item = find_item(compare.key);
  Revision actual = 0;
  if (item) {
    actual = compare.target == Compare::Target::kModRevision ? item->mod_revision : item->create_revision;
  }
  return actual == compare.expected;
}

// From the log, which costs what was changed since and not what there is.
bool LmdbWrite::holds(const Unchanged& unchanged) {
  if (unchanged.since < state_.floor || unchanged.since > state_.revision) return false;
  LmdbCursor cursor(txn_, tables_.log);
  const std::string from = encode_pair_key(static_cast<std::uint64_t>(unchanged.since) + 1, 0);
  for (bool more = cursor.seek(from); more; more = cursor.next()) {
    const auto at = decode_pair_key(cursor.key());
    const auto event = at ? decode_event(*at, cursor.value(), format_) : std::nullopt;
    damage_ |= !at || !event;
    if (damage_ || event->item.key.starts_with(unchanged.prefix)) return false;
  }
  return true;
}

base::Status LmdbWrite::check_leases(const Txn& txn) {
  for (const Write& write : txn.writes) {
    const Put* put = std::get_if<Put>(&write);
    if (put == nullptr || put->lease == 0) continue;
    if (!find_lease(put->lease)) return no_such_lease(put->lease);
  }
  return {};
}

base::Result<WriteReply> LmdbWrite::run(const Txn& txn) {
  for (const auto& check : {check_sizes, check_unique}) {
    if (auto status = check(txn); !status) return std::unexpected(status.error());
  }
  TxnReply reply;
  reply.revision = state_.revision;
  for (const Compare& compare : txn.compares) {
    if (!holds(compare)) return reply;
  }
  for (const Unchanged& unchanged : txn.unchanged) {
    if (!holds(unchanged)) return reply;
  }
  if (auto status = check_leases(txn); !status) return std::unexpected(status.error());
  begin_revision();
  for (const Write& write : txn.writes) {
    const auto previous = find_item(std::string(key_of(write)));
    if (const Put* put = std::get_if<Put>(&write)) {
      put_item(*put, previous);
    } else if (previous) {
      delete_item(*previous);
    }
    reply.previous.push_back(previous.value_or(Item{.key = std::string(key_of(write)), .value = {}}));
  }
  end_revision();
  reply.succeeded = true;
  reply.revision = state_.revision;
  return reply;
}

void LmdbWrite::begin_revision() {
  writing_ = state_.revision + 1;
  event_index_ = 0;
}

// Deleting what is not there is no change and makes no revision.
void LmdbWrite::end_revision() {
  if (event_index_ == 0) return;
  state_.revision = writing_;
  changed_ = true;
}

void LmdbWrite::put_item(const Put& put, const std::optional<Item>& previous) {
  Event event;
  event.item = Item{.key = put.key,
                    .value = put.value,
                    .create_revision = previous ? previous->create_revision : writing_,
                    .mod_revision = writing_,
                    .version = previous ? previous->version + 1 : 1,
                    .lease = put.lease};
  const LeaseId before = previous ? previous->lease : 0;
  if (before != put.lease) {
    if (before != 0) txn_.remove_pair(tables_.lease_keys, lease_key(before), put.key);
    if (put.lease != 0) txn_.put(tables_.lease_keys, lease_key(put.lease), put.key);
  }
  txn_.put(tables_.kv, put.key, encode_item(event.item, format_));
  log_event(event);
}

void LmdbWrite::delete_item(const Item& item) {
  if (item.lease != 0) txn_.remove_pair(tables_.lease_keys, lease_key(item.lease), item.key);
  txn_.remove(tables_.kv, item.key);
  Event event;
  event.type = Event::Type::kDelete;
  event.item.key = item.key;
  event.item.mod_revision = writing_;
  log_event(event);
}

void LmdbWrite::log_event(const Event& event) {
  const std::string key = encode_pair_key(static_cast<std::uint64_t>(writing_), event_index_);
  const std::string bytes = encode_event(event, event_index_++, format_);
  txn_.append(tables_.log, key, bytes);
  state_.log_bytes += key.size() + bytes.size();
}

std::optional<LeaseRecord> LmdbWrite::find_lease(LeaseId id) {
  const auto bytes = txn_.find(tables_.lease, lease_key(id));
  if (!bytes) return std::nullopt;
  const auto lease = decode_lease(id, *bytes, format_);
  damage_ |= !lease;
  // One that is due has expired: the first process that finds it deletes its keys.
  if (!lease || lease->expiry_ms <= now_ms_) return std::nullopt;
  return lease;
}

void LmdbWrite::write_lease(LeaseId id, const LeaseRecord& lease) {
  txn_.put(tables_.lease, lease_key(id), encode_lease(id, lease, format_));
  const PairKey due{lease.expiry_ms, static_cast<std::uint64_t>(id)};
  txn_.put(tables_.lease_due, encode_pair_key(due.first, due.second), encode_due(due, format_));
  changed_ = true;
}

base::Result<WriteReply> LmdbWrite::run(const GrantLease& request) {
  if (request.ttl_seconds < 1 || request.ttl_seconds > kLeaseTtlMaxSeconds) {
    return base::invalid(fmt::format("the ttl of a lease must be 1 to {} seconds, not {}",
                                     kLeaseTtlMaxSeconds, request.ttl_seconds));
  }
  LeaseId id = random_lease_id();
  while (txn_.find(tables_.lease, lease_key(id))) id = random_lease_id();
  const auto ttl_ms = static_cast<std::uint64_t>(request.ttl_seconds) * 1000;
  write_lease(id, {now_ms_ + ttl_ms, request.ttl_seconds});
  return LeaseReply{id, request.ttl_seconds};
}

base::Result<WriteReply> LmdbWrite::run(const KeepLease& request) {
  const auto lease = find_lease(request.id);
  if (!lease) return no_such_lease(request.id);
  txn_.remove(tables_.lease_due, encode_pair_key(lease->expiry_ms, static_cast<std::uint64_t>(request.id)));
  const auto ttl_ms = static_cast<std::uint64_t>(lease->ttl_seconds) * 1000;
  write_lease(request.id, {now_ms_ + ttl_ms, lease->ttl_seconds});
  return LeaseReply{request.id, lease->ttl_seconds};
}

base::Result<WriteReply> LmdbWrite::run(const ExpireLeases&) {
  ExpireReply reply;
  std::vector<PairKey> due;
  {
    LmdbCursor cursor(txn_, tables_.lease_due);
    for (bool more = cursor.first(); more && due.size() < kLeasesPerCommitMax; more = cursor.next()) {
      const auto next = decode_pair_key(cursor.key());
      damage_ |= !next;
      if (!next || next->first > now_ms_) break;
      due.push_back(*next);
    }
  }
  for (const PairKey& each : due) expire_lease(static_cast<LeaseId>(each.second), each.first);
  reply.expired = due.size();
  return reply;
}

std::vector<std::string> LmdbWrite::keys_of_lease(LeaseId id) {
  std::vector<std::string> keys;
  const std::string name = lease_key(id);
  LmdbCursor cursor(txn_, tables_.lease_keys);
  for (bool more = cursor.seek(name) && cursor.key() == name; more; more = cursor.next_of_key()) {
    keys.emplace_back(cursor.value());
  }
  return keys;
}

void LmdbWrite::expire_lease(LeaseId id, std::uint64_t expiry_ms) {
  begin_revision();
  for (const std::string& key : keys_of_lease(id)) {
    const auto item = find_item(key);
    damage_ |= !item || item->lease != id;
    if (item) delete_item(*item);
  }
  end_revision();
  txn_.remove(tables_.lease, lease_key(id));
  txn_.remove(tables_.lease_due, encode_pair_key(expiry_ms, static_cast<std::uint64_t>(id)));
  changed_ = true;
}

// The newest revision always stays, however large it is.
void LmdbWrite::trim_log() {
  const auto revisions = [this] { return static_cast<std::uint64_t>(state_.revision - state_.floor); };
  const auto revisions_max = static_cast<std::uint64_t>(bounds_.revisions_max);
  if (revisions() <= revisions_max + revisions_max / kTrimSlackShare &&
      state_.log_bytes <= bounds_.bytes_max + bounds_.bytes_max / kTrimSlackShare) {
    return;
  }
  LmdbCursor cursor(txn_, tables_.log);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    const auto at = decode_pair_key(cursor.key());
    damage_ |= !at;
    if (!at) return;
    const auto revision = static_cast<Revision>(at->first);
    const bool begins = revision > state_.floor;
    const bool enough = revisions() <= revisions_max && state_.log_bytes <= bounds_.bytes_max;
    if (begins && (enough || revision == state_.revision)) return;
    state_.floor = revision;
    state_.log_bytes -=
        std::min<std::uint64_t>(state_.log_bytes, cursor.key().size() + cursor.value().size());
    cursor.remove();
  }
}

bool LmdbWrite::finish() {
  if (!changed_) return false;
  trim_log();
  state_.txn_id = txn_.id();
  txn_.put(tables_.meta, LmdbFile::kStateName, encode_state(state_, format_));
  return true;
}

}  // namespace apisix::store
