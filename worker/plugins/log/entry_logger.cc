#include "worker/plugins/log/entry_logger.h"

namespace apisix::plugins {

base::Status EntryLogger::check(format::Json& conf, plugin::ConfScope scope) {
  return scope == plugin::ConfScope::kMetadata ? base::Status{} : plugin::LogEntry::check_conf(conf);
}

EntryLogger::EntryLogger(const plugin::Conf& conf, const plugin::BuildContext& context)
    : deps_(context.deps), plugin_(context.plugin), entry_(conf.json(), context) {}

}  // namespace apisix::plugins
