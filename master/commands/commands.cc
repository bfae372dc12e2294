#include <array>

#include "master/command.h"
#include "master/commands/pages.h"

namespace apisix::master {
namespace {

constexpr std::array kCommands = {
    Command{"help", "print the apisix cli help message", run_help},
    Command{"init", "check the configuration and prepare the prefix", run_init},
    Command{"init_etcd", "initialize the data of etcd", run_init_etcd},
    Command{"start", "start the apisix server", run_start},
    Command{"stop", "stop the apisix server", run_stop},
    Command{"quit", "stop the apisix server gracefully", run_quit},
    Command{"restart", "restart the apisix server", run_restart},
    Command{"reload", "reload the apisix server", run_reload},
    Command{"reopen", "open the log files again, after a rotation", run_reopen},
    Command{"upgrade", "replace the running binary by the one at its path, closing no port", run_upgrade},
    Command{"test", "test the configuration", run_test},
    Command{"status", "show the processes, their states and their configuration", run_status, kStatusPage},
    Command{"health", "show the nodes that are checked: health [UPSTREAM...] [--json]", run_health,
            kHealthPage},
    Command{"top", "watch rates, status classes and latencies by route and upstream", run_top, kTopPage},
    Command{"explain", "show what would become of a request, which is not sent: explain [METHOD] URL",
            run_explain, kExplainPage},
    Command{"lint", "show what is wrong or useless in the configuration", run_lint, kLintPage},
    Command{"lua", "check, test and try Lua plugins, describe the API: lua check|test|types|repl", run_lua,
            kLuaPage},
    Command{"routes", "list the routes of the store, or one: routes [ID] [--json]", run_list, kListPage},
    Command{"services", "list the services of the store, or one: services [ID] [--json]", run_list,
            kListPage},
    Command{"upstreams", "list the upstreams of the store, or one: upstreams [ID] [--json]", run_list,
            kListPage},
    Command{"consumers", "list the consumers of the store, or one: consumers [ID] [--json]", run_list,
            kListPage},
    Command{"consumer_groups", "list the consumer groups of the store, or one: consumer_groups [ID] [--json]",
            run_list, kListPage},
    Command{"ssls", "list the certificates of the store, or one: ssls [ID] [--json]", run_list, kListPage},
    Command{"global_rules", "list the global rules of the store, or one: global_rules [ID] [--json]",
            run_list, kListPage},
    Command{"plugin_configs", "list the plugin configs of the store, or one: plugin_configs [ID] [--json]",
            run_list, kListPage},
    Command{"plugin_metadata",
            "list the metadata of plugins of the store, or one: plugin_metadata [ID] [--json]", run_list,
            kListPage},
    Command{"protos", "list the protos of the store, or one: protos [ID] [--json]", run_list, kListPage},
    Command{"secrets", "list the secret managers of the store, or one: secrets [ID] [--json]", run_list,
            kListPage},
    Command{"stream_routes", "list the stream routes of the store, or one: stream_routes [ID] [--json]",
            run_list, kListPage},
    Command{"history", "show who changed what: history [REVISION] [--kind K] [--id ID] [--limit N] [--json]",
            run_history, kHistoryPage},
    Command{"rollback", "go back to a revision: rollback REVISION [KIND/ID] [--dry-run] [--yes]",
            run_rollback, kRollbackPage},
    Command{"version", "print the version of apisix", run_version},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

}  // namespace apisix::master
