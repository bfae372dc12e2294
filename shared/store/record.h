// The bytes of the store's records: how items, events and leases lie in LMDB's tables. Numbers in keys are
// big-endian, so that LMDB's order of bytes is the order of numbers; numbers in values are little-endian.
// Reading checks every invariant of a record: what is too short or makes no sense is nothing, never a crash.
//
// In format 2 of the store every value begins with a checksum (XXH3, 64 bits) of its table, its key and the
// rest, so that a value under a wrong key is noticed too. Format 1 had none. A store has one format, which
// its meta table names; a store of format 1 becomes one of format 2 at a start (lmdb_repair.cc).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/store/store.h"

namespace apisix::store {

enum class StoreFormat : unsigned char { kWithoutChecksums, kWithChecksums };
// "apisix store 2", as it stands in the meta table.
std::string_view name_of(StoreFormat format);
std::optional<StoreFormat> format_of(std::string_view name);

// The record that every transaction renews.
struct StoreState {
  Revision revision = 1;        // of the last transaction
  Revision floor = 1;           // the log holds floor + 1 .. revision
  std::uint64_t log_bytes = 0;  // what the log's keys and values take
  // LMDB's number of the transaction that wrote it; 0: a store of format 1. With another number in LMDB's
  // meta page that page is damaged, and leads to a state of the past.
  std::uint64_t txn_id = 0;
};

struct LeaseRecord {
  std::uint64_t expiry_ms = 0;  // wall clock
  std::int64_t ttl_seconds = 0;
};

std::string encode_number_key(std::uint64_t number);
std::optional<std::uint64_t> decode_number_key(std::string_view bytes);

// (first, second): the log's (revision, index) and the due table's (expiry, lease).
std::string encode_pair_key(std::uint64_t first, std::uint64_t second);
struct PairKey {
  std::uint64_t first;
  std::uint64_t second;
};
std::optional<PairKey> decode_pair_key(std::string_view bytes);

// Values, with their checksum in a store that has them. The key is the table's.
std::string encode_item(const Item& item, StoreFormat format);
std::optional<Item> decode_item(std::string_view key, std::string_view bytes, StoreFormat format);

// `index` of the event in its revision.
std::string encode_event(const Event& event, std::uint64_t index, StoreFormat format);
std::optional<Event> decode_event(const PairKey& at, std::string_view bytes, StoreFormat format);

std::string encode_state(const StoreState& state, StoreFormat format);
std::optional<StoreState> decode_state(std::string_view bytes, StoreFormat format);

std::string encode_uuid(std::string_view uuid, StoreFormat format);
std::optional<std::string> decode_uuid(std::string_view bytes, StoreFormat format);

std::string encode_lease(LeaseId id, const LeaseRecord& lease, StoreFormat format);
std::optional<LeaseRecord> decode_lease(LeaseId id, std::string_view bytes, StoreFormat format);

// The due table's pairs have no value but the checksum.
std::string encode_due(const PairKey& due, StoreFormat format);
bool is_due(const PairKey& due, std::string_view bytes, StoreFormat format);

}  // namespace apisix::store
