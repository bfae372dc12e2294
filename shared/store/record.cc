#include "shared/store/record.h"

#include <bit>
#include <cstring>

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

}  // namespace

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

std::string encode_item(const Item& item) {
  std::string out;
  out.reserve(kItemHeaderBytes + item.value.size());
  append_header(out, item);
  out += item.value;
  return out;
}

std::optional<Item> decode_item(std::string_view key, std::string_view bytes) {
  if (bytes.size() < kItemHeaderBytes) return std::nullopt;
  Item item;
  read_header(bytes, item);
  if (!makes_sense(item)) return std::nullopt;
  item.key = key;
  item.value = bytes.substr(kItemHeaderBytes);
  return item;
}

std::string encode_event(const Event& event) {
  const Item& item = event.item;
  std::string out;
  out.reserve(1 + sizeof(std::uint32_t) + kItemHeaderBytes + item.key.size() + item.value.size());
  out.push_back(event.type == Event::Type::kPut ? kPutMark : kDeleteMark);
  append_number(out, static_cast<std::uint32_t>(item.key.size()));
  out += item.key;
  if (event.type == Event::Type::kDelete) return out;
  append_header(out, item);
  out += item.value;
  return out;
}

std::optional<Event> decode_event(Revision revision, std::string_view bytes) {
  constexpr std::size_t kKeyAt = 1 + sizeof(std::uint32_t);
  if (bytes.size() < kKeyAt || (bytes[0] != kPutMark && bytes[0] != kDeleteMark)) return std::nullopt;
  const std::size_t key_bytes = read_number<std::uint32_t>(bytes, 1);
  if (bytes.size() - kKeyAt < key_bytes) return std::nullopt;
  Event event;
  const std::string_view key = bytes.substr(kKeyAt, key_bytes);
  if (bytes[0] == kPutMark) {
    auto item = decode_item(key, bytes.substr(kKeyAt + key_bytes));
    if (!item || item->mod_revision != revision) return std::nullopt;
    event.item = std::move(*item);
    return event;
  }
  event.type = Event::Type::kDelete;
  event.item.key = key;
  event.item.mod_revision = revision;
  return event;
}

std::string encode_state(const StoreState& state) {
  std::string out;
  append_number(out, state.revision);
  append_number(out, state.floor);
  append_number(out, state.log_bytes);
  return out;
}

std::optional<StoreState> decode_state(std::string_view bytes) {
  if (bytes.size() != 3 * kNumberBytes) return std::nullopt;
  StoreState state;
  state.revision = read_number<Revision>(bytes, 0);
  state.floor = read_number<Revision>(bytes, kNumberBytes);
  state.log_bytes = read_number<std::uint64_t>(bytes, 2 * kNumberBytes);
  if (state.floor < 1 || state.revision < state.floor) return std::nullopt;
  return state;
}

std::string encode_lease(const LeaseRecord& lease) {
  std::string out;
  append_number(out, lease.expiry_ms);
  append_number(out, lease.ttl_seconds);
  return out;
}

std::optional<LeaseRecord> decode_lease(std::string_view bytes) {
  if (bytes.size() != 2 * kNumberBytes) return std::nullopt;
  return LeaseRecord{read_number<std::uint64_t>(bytes, 0), read_number<std::int64_t>(bytes, kNumberBytes)};
}

}  // namespace apisix::store
