#include "shared/store/etcd_items.h"

#include <utility>

namespace apisix::store {
namespace {

constexpr std::size_t kFlatWritesMax = 128;
constexpr std::size_t kNestedWritesMax = 64;
constexpr std::size_t kRequestBytesMax = 1536 << 10;
constexpr std::size_t kRequestOverheadBytes = 16 << 10;  // of compares and of the message itself

void add_compare(const Compare& compare, etcdserverpb::TxnRequest& to) {
  etcdserverpb::Compare& out = *to.add_compare();
  out.set_key(compare.key);
  out.set_result(etcdserverpb::Compare::EQUAL);
  if (compare.target == Compare::Target::kCreateRevision) {
    out.set_target(etcdserverpb::Compare::CREATE);
    out.set_create_revision(compare.expected);
  } else {
    out.set_target(etcdserverpb::Compare::MOD);
    out.set_mod_revision(compare.expected);
  }
}

// etcd asks the condition of every key of the range; keys that were deleted are not there to be asked.
void add_compare(const Unchanged& unchanged, etcdserverpb::TxnRequest& to) {
  etcdserverpb::Compare& out = *to.add_compare();
  out.set_key(unchanged.prefix);
  out.set_range_end(range_end_of(unchanged.prefix));
  out.set_target(etcdserverpb::Compare::MOD);
  out.set_result(etcdserverpb::Compare::LESS);
  out.set_mod_revision(unchanged.since + 1);
}

void add_write(const Put& put, etcdserverpb::TxnRequest& to) {
  etcdserverpb::PutRequest& out = *to.add_success()->mutable_request_put();
  out.set_key(put.key);
  out.set_value(put.value);
  out.set_lease(put.lease);
  out.set_prev_kv(true);
}

void add_write(const Delete& remove, etcdserverpb::TxnRequest& to) {
  etcdserverpb::DeleteRangeRequest& out = *to.add_success()->mutable_request_delete_range();
  out.set_key(remove.key);
  out.set_prev_kv(true);
}

// What one operation found before it wrote; nothing when there was nothing.
etcdserverpb::KeyValue* previous_of(etcdserverpb::ResponseOp& response) {
  if (response.has_response_put() && response.response_put().has_prev_kv())
    return response.mutable_response_put()->mutable_prev_kv();
  if (response.has_response_delete_range() && response.response_delete_range().prev_kvs_size() > 0)
    return response.mutable_response_delete_range()->mutable_prev_kvs(0);
  return nullptr;
}

// Hands the previous items to `take` in the order of the writes, also out of nested transactions.
template <typename Take>
void each_previous(etcdserverpb::TxnResponse& from, const Take& take) {
  for (etcdserverpb::ResponseOp& response : *from.mutable_responses()) {
    if (response.has_response_txn()) {
      each_previous(*response.mutable_response_txn(), take);
    } else {
      take(previous_of(response));
    }
  }
}

const std::string& key_of(const Write& write) {
  return std::visit([](const auto& each) -> const std::string& { return each.key; }, write);
}

}  // namespace

std::string range_end_of(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::string(1, '\0');
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Item take_item(etcdserverpb::KeyValue& from) {
  return {.key = std::move(*from.mutable_key()),
          .value = std::move(*from.mutable_value()),
          .create_revision = from.create_revision(),
          .mod_revision = from.mod_revision(),
          .version = from.version(),
          .lease = from.lease()};
}

Event take_event(etcdserverpb::Event& from) {
  const bool is_put = from.type() == etcdserverpb::Event::PUT;
  return {is_put ? Event::Type::kPut : Event::Type::kDelete, take_item(*from.mutable_kv())};
}

TxnLimits etcd_txn_limits() {
  return {.compares_max = kNestedWritesMax,
          .writes_max = kNestedWritesMax * kNestedWritesMax,
          .bytes_max = kRequestBytesMax - kRequestOverheadBytes,
          .sees_deletes = false};
}

etcdserverpb::TxnRequest txn_request(const Txn& txn) {
  etcdserverpb::TxnRequest out;
  for (const Compare& compare : txn.compares) add_compare(compare, out);
  for (const Unchanged& unchanged : txn.unchanged) add_compare(unchanged, out);
  const bool is_nested = txn.writes.size() > kFlatWritesMax;
  etcdserverpb::TxnRequest* to = &out;
  for (std::size_t i = 0; i < txn.writes.size(); ++i) {
    if (is_nested && i % kNestedWritesMax == 0) to = out.add_success()->mutable_request_txn();
    std::visit([to](const auto& each) { add_write(each, *to); }, txn.writes[i]);
  }
  return out;
}

TxnReply take_reply(etcdserverpb::TxnResponse& from, const Txn& txn) {
  TxnReply out;
  out.succeeded = from.succeeded();
  out.revision = from.header().revision();
  if (!out.succeeded) return out;
  each_previous(from, [&out, &txn](etcdserverpb::KeyValue* previous) {
    if (out.previous.size() == txn.writes.size()) return;
    const std::string& key = key_of(txn.writes[out.previous.size()]);
    out.previous.push_back(previous != nullptr ? take_item(*previous) : Item{.key = key, .value = {}});
  });
  while (out.previous.size() < txn.writes.size())
    out.previous.push_back(Item{.key = key_of(txn.writes[out.previous.size()]), .value = {}});
  return out;
}

}  // namespace apisix::store
