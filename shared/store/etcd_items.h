// etcd's messages and the store's structs, one from the other. For etcd_*.cc alone (it includes generated
// headers). Taking moves the bytes out: lists hold a hundred thousand of them.
#pragma once

#include <string>
#include <string_view>

#include "shared/store/etcd.pb.h"
#include "shared/store/store.h"

namespace apisix::store {

// The first key behind all that start with `prefix`; of the empty one, etcd's sign for "to the end".
std::string range_end_of(std::string_view prefix);

Item take_item(etcdserverpb::KeyValue& from);
Event take_event(etcdserverpb::Event& from);

// What etcd takes by default (--max-txn-ops 128, --max-request-bytes 1.5 MiB). The operations of nested
// transactions count along the path, not together: 64 transactions of 64 writes are one of 4096, done at one
// revision or not at all.
TxnLimits etcd_txn_limits();
// Flat as long as etcd takes it so, nested when there are more writes.
etcdserverpb::TxnRequest txn_request(const Txn& txn);
TxnReply take_reply(etcdserverpb::TxnResponse& from, const Txn& txn);

}  // namespace apisix::store
