// What a failed call means: whether etcd said no, was away, or wants a new token; and the Error that the rest
// of the program sees. For etcd_*.cc alone (it includes gRPC's headers).
//
// etcd's errors are known by their texts (api/v3rpc/rpctypes of etcd), since several share a code.
#pragma once

#include <string_view>

#include <grpcpp/support/status.h>

#include "shared/base/result.h"

namespace apisix::store {

enum class Verdict : unsigned char {
  kDone,
  kRefused,     // etcd's reply; a retry gives the same
  kNeedsToken,  // the token is unknown to etcd (ran out, or a member was restarted)
  kElecting,    // the cluster chooses its leader: the endpoint is well, ask it again in a moment
  kNotSent,     // nothing reached the endpoint: any call may be made at another
  kLost,        // away, or too slow: it may have been done
};

Verdict verdict_of(const grpc::Status& status);
// Only for calls that were not done.
base::Error error_of(const grpc::Status& status, std::string_view endpoint);

}  // namespace apisix::store
