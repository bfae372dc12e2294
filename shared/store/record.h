// The bytes of the store's records: how items, events and leases lie in LMDB's tables. Numbers in keys are
// big-endian, so that LMDB's order of bytes is the order of numbers; numbers in values are little-endian.
// Reading never trusts a record: what is too short or makes no sense is nothing, never a crash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/store/store.h"

namespace apisix::store {

// The record that every transaction renews.
struct StoreState {
  Revision revision = 1;        // of the last transaction
  Revision floor = 1;           // the log holds floor + 1 .. revision
  std::uint64_t log_bytes = 0;  // what the log's keys and values take
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

// Without the key, which is the table's.
std::string encode_item(const Item& item);
std::optional<Item> decode_item(std::string_view key, std::string_view bytes);

// Without the revision, which is the log's key.
std::string encode_event(const Event& event);
std::optional<Event> decode_event(Revision revision, std::string_view bytes);

std::string encode_state(const StoreState& state);
std::optional<StoreState> decode_state(std::string_view bytes);

std::string encode_lease(const LeaseRecord& lease);
std::optional<LeaseRecord> decode_lease(std::string_view bytes);

}  // namespace apisix::store
