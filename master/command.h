// The commands of the `apisix` program. A command is one file in commands/ and one row in
// commands/commands.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace apisix::master {

// What scripts can rely on.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;  // tried and failed; standard error says why
inline constexpr int kExitUsage = 2;   // no such command or option
// Of commands that inspect a running gateway; kExitFailed is "it runs, but not all is well".
inline constexpr int kExitNotRunning = 3;
inline constexpr int kExitUnknown = 4;  // it runs, but cannot be looked at

// The command line, parsed.
struct Invocation {
  std::string action;  // the command's name
  std::string prefix;  // absolute, no slash at the end
  std::string config;  // -c as given; empty: none
  bool in_foreground = false;
  bool verbose = false;
  bool as_json = false;              // --json
  std::optional<double> interval_s;  // -d: between two looks
  std::uint64_t count = 0;           // -n: how many screens; 0: until a signal
  std::string sort;                  // --sort: what the rows are ordered by
  std::string kind;                  // --kind, --id: of which objects
  std::string id;
  std::uint64_t limit = 20;  // --limit: entries at most
  bool is_dry_run = false;   // --dry-run
  bool is_agreed = false;    // --yes
  // Of the request that is explained.
  struct Asked {
    std::vector<std::string> headers;  // -H: "Name: value"
    std::string body;                  // --body
    std::string client_ip;             // --client-ip
    std::string consumer;              // --consumer
  } asked;
  std::string junit;                   // --junit: the file for results of tests
  std::string filter;                  // --filter: a part of their names
  std::uint64_t timeout_ms = 60'000;   // --timeout: until the gateway is ready
  bool has_timeout = false;            // --timeout was given
  std::string program;                 // absolute path of this one, as it was called: links stay
  std::vector<std::string> arguments;  // what follows the command's name
  std::string command_line;            // the whole of it, for the title of the master process
};

struct Command {
  std::string_view name;
  std::string_view help;
  int (*run)(const Invocation&);
  // What `apisix NAME --help` says below the name: usage, what it means, examples, exit codes. Empty: the
  // general help.
  std::string_view page = {};
};

// In the order of the help text.
std::span<const Command> commands();

int run_explain(const Invocation&);
int run_health(const Invocation&);
int run_help(const Invocation&);
int run_history(const Invocation&);
int run_init(const Invocation&);
int run_init_etcd(const Invocation&);
int run_start(const Invocation&);
int run_stop(const Invocation&);
int run_quit(const Invocation&);
int run_restart(const Invocation&);
int run_lint(const Invocation&);
// All kinds of objects: `action` says which.
int run_list(const Invocation&);
int run_lua(const Invocation&);
int run_reload(const Invocation&);
int run_reopen(const Invocation&);
int run_rollback(const Invocation&);
int run_status(const Invocation&);
int run_test(const Invocation&);
int run_top(const Invocation&);
int run_upgrade(const Invocation&);
int run_version(const Invocation&);

}  // namespace apisix::master
