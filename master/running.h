// What the commands share: which config.yaml they mean, and how they reach the master that runs.
#pragma once

#include <string>
#include <vector>

#include "master/command.h"
#include "master/process.h"
#include "master/setup.h"
#include "shared/base/result.h"

namespace apisix::master {

// The config.yaml of a command that starts something: forgets an earlier -c, remembers this one in
// conf/.customized_config_path. kNotFound when the file of -c does not exist.
base::Result<std::string> choose_config(const Invocation& in);
// The config.yaml of every other command: -c, else the remembered one, else that of the prefix and profile.
base::Result<std::string> current_config(const Invocation& in);
void forget_customized_config(const std::string& prefix);

// The masters of this prefix, for a command that signals them: the one that serves first. Says on standard
// error when the pid file names another process. kNotFound when there is none, kUnavailable when it is just
// starting.
base::Result<std::vector<Process>> masters_to_signal(const std::string& prefix);

// "apisix: <text>" on standard error; returns kExitFailed.
int failed(const base::Error& error);
// Notes on standard output, warnings on standard error.
void print_remarks(const Setup& setup);

}  // namespace apisix::master
