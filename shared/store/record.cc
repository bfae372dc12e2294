#define XXH_INLINE_ALL
#include "shared/store/record.h"

#include <bit>
#include <cstring>

#include <xxhash.h>

namespace apisix::store {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

constexpr std::size_t kNumberBytes = sizeof(std::uint64_t);
constexpr std::size_t kItemHeaderBytes = 4 * kNumberBytes;
constexpr char kPutMark = 'P';
constexpr char kDeleteMark = 'D';

void append_big_endian(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

std::uint64_t read_big_endian(const char* bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kNumberBytes; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

template <typename Number>
void append_number(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <typename Number>
Number read_number(std::string_view bytes, std::size_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

// Which table a record belongs to: a part of what its checksum covers.
enum class Table : unsigned char { kItems = 1, kLog, kState, kUuid, kLeases, kDue };

std::uint64_t checksum(Table table, std::string_view key, std::string_view body) {
  const auto seed = XXH3_64bits_withSeed(key.data(), key.size(), static_cast<std::uint64_t>(table));
  return XXH3_64bits_withSeed(body.data(), body.size(), seed);
}

std::string sealed(Table table, std::string_view key, std::string body, StoreFormat format) {
  if (format == StoreFormat::kWithoutChecksums) return body;
  const std::uint64_t sum = checksum(table, key, body);
  return body.insert(0, reinterpret_cast<const char*>(&sum), sizeof sum);
}

// What is behind the checksum; nothing when that is wrong.
std::optional<std::string_view> opened(Table table, std::string_view key, std::string_view bytes,
                                       StoreFormat format) {
  if (format == StoreFormat::kWithoutChecksums) return bytes;
  if (bytes.size() < kNumberBytes) return std::nullopt;
  const std::string_view body = bytes.substr(kNumberBytes);
  if (read_number<std::uint64_t>(bytes, 0) != checksum(table, key, body)) return std::nullopt;
  return body;
}

bool makes_sense(const Item& item) {
  return item.create_revision > 1 && item.mod_revision >= item.create_revision && item.version > 0 &&
         item.lease >= 0;
}

void append_header(std::string& out, const Item& item) {
  append_number(out, item.create_revision);
  append_number(out, item.mod_revision);
  append_number(out, item.version);
  append_number(out, item.lease);
}

void read_header(std::string_view bytes, Item& item) {
  item.create_revision = read_number<Revision>(bytes, 0);
  item.mod_revision = read_number<Revision>(bytes, kNumberBytes);
  item.version = read_number<std::int64_t>(bytes, 2 * kNumberBytes);
  item.lease = read_number<LeaseId>(bytes, 3 * kNumberBytes);
}

std::optional<Item> read_item(std::string_view key, std::string_view body) {
  if (body.size() < kItemHeaderBytes) return std::nullopt;
  Item item;
  read_header(body, item);
  if (!makes_sense(item)) return std::nullopt;
  item.key = key;
  item.value = body.substr(kItemHeaderBytes);
  return item;
}

}  // namespace

std::string_view name_of(StoreFormat format) {
  return format == StoreFormat::kWithChecksums ? "apisix store 2" : "apisix store 1";
}

std::optional<StoreFormat> format_of(std::string_view name) {
  for (const StoreFormat each : {StoreFormat::kWithoutChecksums, StoreFormat::kWithChecksums}) {
    if (name == name_of(each)) return each;
  }
  return std::nullopt;
}

std::string encode_number_key(std::uint64_t number) {
  std::string out;
  append_big_endian(out, number);
  return out;
}

std::optional<std::uint64_t> decode_number_key(std::string_view bytes) {
  if (bytes.size() != kNumberBytes) return std::nullopt;
  return read_big_endian(bytes.data());
}

std::string encode_pair_key(std::uint64_t first, std::uint64_t second) {
  std::string out;
  append_big_endian(out, first);
  append_big_endian(out, second);
  return out;
}

std::optional<PairKey> decode_pair_key(std::string_view bytes) {
  if (bytes.size() != 2 * kNumberBytes) return std::nullopt;
  return PairKey{read_big_endian(bytes.data()), read_big_endian(bytes.data() + kNumberBytes)};
}

std::string encode_item(const Item& item, StoreFormat format) {
  std::string body;
  body.reserve(kNumberBytes + kItemHeaderBytes + item.value.size());
  append_header(body, item);
  body += item.value;
  return sealed(Table::kItems, item.key, std::move(body), format);
}

std::optional<Item> decode_item(std::string_view key, std::string_view bytes, StoreFormat format) {
  const auto body = opened(Table::kItems, key, bytes, format);
  return body ? read_item(key, *body) : std::nullopt;
}

std::string encode_event(const Event& event, std::uint64_t index, StoreFormat format) {
  const Item& item = event.item;
  std::string body;
  body.reserve(kNumberBytes + 1 + sizeof(std::uint32_t) + kItemHeaderBytes + item.key.size() +
               item.value.size());
  body.push_back(event.type == Event::Type::kPut ? kPutMark : kDeleteMark);
  append_number(body, static_cast<std::uint32_t>(item.key.size()));
  body += item.key;
  if (event.type == Event::Type::kPut) {
    append_header(body, item);
    body += item.value;
  }
  const std::string key = encode_pair_key(static_cast<std::uint64_t>(item.mod_revision), index);
  return sealed(Table::kLog, key, std::move(body), format);
}

std::optional<Event> decode_event(const PairKey& at, std::string_view bytes, StoreFormat format) {
  constexpr std::size_t kKeyAt = 1 + sizeof(std::uint32_t);
  const auto body = opened(Table::kLog, encode_pair_key(at.first, at.second), bytes, format);
  if (!body || body->size() < kKeyAt || ((*body)[0] != kPutMark && (*body)[0] != kDeleteMark)) {
    return std::nullopt;
  }
  const std::size_t key_bytes = read_number<std::uint32_t>(*body, 1);
  if (body->size() - kKeyAt < key_bytes) return std::nullopt;
  const auto revision = static_cast<Revision>(at.first);
  Event event;
  const std::string_view key = body->substr(kKeyAt, key_bytes);
  if ((*body)[0] == kPutMark) {
    auto item = read_item(key, body->substr(kKeyAt + key_bytes));
    if (!item || item->mod_revision != revision) return std::nullopt;
    event.item = std::move(*item);
    return event;
  }
  event.type = Event::Type::kDelete;
  event.item.key = key;
  event.item.mod_revision = revision;
  return event;
}

std::string encode_state(const StoreState& state, StoreFormat format) {
  std::string body;
  append_number(body, state.revision);
  append_number(body, state.floor);
  append_number(body, state.log_bytes);
  if (format == StoreFormat::kWithChecksums) append_number(body, state.txn_id);
  return sealed(Table::kState, {}, std::move(body), format);
}

std::optional<StoreState> decode_state(std::string_view bytes, StoreFormat format) {
  const bool has_txn_id = format == StoreFormat::kWithChecksums;
  const auto body = opened(Table::kState, {}, bytes, format);
  if (!body || body->size() != (has_txn_id ? 4 : 3) * kNumberBytes) return std::nullopt;
  StoreState state;
  state.revision = read_number<Revision>(*body, 0);
  state.floor = read_number<Revision>(*body, kNumberBytes);
  state.log_bytes = read_number<std::uint64_t>(*body, 2 * kNumberBytes);
  if (has_txn_id) state.txn_id = read_number<std::uint64_t>(*body, 3 * kNumberBytes);
  if (state.floor < 1 || state.revision < state.floor) return std::nullopt;
  return state;
}

std::string encode_uuid(std::string_view uuid, StoreFormat format) {
  return sealed(Table::kUuid, {}, std::string(uuid), format);
}

std::optional<std::string> decode_uuid(std::string_view bytes, StoreFormat format) {
  const auto body = opened(Table::kUuid, {}, bytes, format);
  return body ? std::optional(std::string(*body)) : std::nullopt;
}

std::string encode_lease(LeaseId id, const LeaseRecord& lease, StoreFormat format) {
  std::string body;
  append_number(body, lease.expiry_ms);
  append_number(body, lease.ttl_seconds);
  return sealed(Table::kLeases, encode_number_key(static_cast<std::uint64_t>(id)), std::move(body), format);
}

std::optional<LeaseRecord> decode_lease(LeaseId id, std::string_view bytes, StoreFormat format) {
  const auto body = opened(Table::kLeases, encode_number_key(static_cast<std::uint64_t>(id)), bytes, format);
  if (!body || body->size() != 2 * kNumberBytes) return std::nullopt;
  return LeaseRecord{read_number<std::uint64_t>(*body, 0), read_number<std::int64_t>(*body, kNumberBytes)};
}

std::string encode_due(const PairKey& due, StoreFormat format) {
  return sealed(Table::kDue, encode_pair_key(due.first, due.second), {}, format);
}

bool is_due(const PairKey& due, std::string_view bytes, StoreFormat format) {
  const auto body = opened(Table::kDue, encode_pair_key(due.first, due.second), bytes, format);
  return body && body->empty();
}

}  // namespace apisix::store
