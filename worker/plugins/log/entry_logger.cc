#include "worker/plugins/log/entry_logger.h"

namespace apisix::plugins {

base::Status EntryLogger::check(format::Json& conf, plugin::ConfScope scope) {
  return scope == plugin::ConfScope::kMetadata ? base::Status{} : plugin::LogEntry::check_conf(conf);
}

EntryLogger::EntryLogger(const plugin::Conf& conf, const plugin::BuildContext& context,
                         std::string_view no_route_id)
    : deps_(context.deps), plugin_(context.plugin), no_route_id_(no_route_id), entry_(conf.json(), context) {}

}  // namespace apisix::plugins
