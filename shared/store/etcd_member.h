// EtcdMember: one endpoint: its channel and the stubs on it. Made without any I/O; gRPC connects at the first
// call. For etcd_*.cc alone (it includes gRPC's headers). Owned by EtcdClient.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "shared/base/result.h"
#include "shared/store/etcd.grpc.pb.h"
#include "shared/store/etcd_options.h"

namespace apisix::store {

struct EtcdMember {
  std::string url;  // as configured
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<etcdserverpb::KV::Stub> kv;
  std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  std::unique_ptr<etcdserverpb::Lease::Stub> lease;
  std::unique_ptr<etcdserverpb::Auth::Stub> auth;
  std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance;
};

// Errors: a malformed URL; a certificate or key that cannot be read.
base::Result<EtcdMember> make_etcd_member(const std::string& url, const EtcdTls& tls);

}  // namespace apisix::store
