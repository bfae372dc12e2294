#include <array>

#include "master/command.h"

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
    Command{"upgrade", "replace the running binary by the one at its path, closing no port", run_upgrade},
    Command{"test", "test the configuration", run_test},
    Command{"routes", "list the routes of the store, or one: routes [ID] [--json]", run_routes},
    Command{"services", "list the services of the store, or one: services [ID] [--json]", run_services},
    Command{"upstreams", "list the upstreams of the store, or one: upstreams [ID] [--json]", run_upstreams},
    Command{"version", "print the version of apisix", run_version},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

}  // namespace apisix::master
