// What commands share that ask the running gateway by its Control API.
#pragma once

#include <string>

#include "master/command.h"
#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::master {

// Its JSON. Anything but 200 is an error with what the gateway says, kConflict when it refuses the question;
// kUnavailable: no response. --timeout holds.
base::Result<format::Json> ask_gateway(const Invocation& in, const std::string& method,
                                       const std::string& path, const std::string& body);

// Says on standard error why there is no response; returns kExitNotRunning, kExitUsage (the gateway refused
// what it was asked) or kExitUnknown.
int cannot_ask(const base::Error& error);
int wrong_usage(const base::Error& error);

}  // namespace apisix::master
