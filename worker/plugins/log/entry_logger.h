// EntryLogger: base of the plugins that write one entry for each request: APISIX's full description or the
// fields of log_format, with the bodies where they are wanted. It reads and keeps what an entry needs; a
// plugin says where the entry goes.
#pragma once

#include <string>
#include <string_view>

#include "worker/plugin/log_entry.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {

class EntryLogger : public plugin::Plugin {
 public:
  static base::Status check(format::Json& conf, plugin::ConfScope scope);

  plugin::Step access(plugin::Request& request) final { return entry_.read_request_body(request); }
  void body_filter(plugin::Request& request, plugin::Body& body) final { entry_.collect(request, body); }
  void log(plugin::Request& request) final {
    if (auto entry = entry_.make(request, no_route_id_)) write(std::move(*entry));
  }

 protected:
  // `no_route_id`: the "route_id" of a request that no route matched, a constant; empty: it has none.
  EntryLogger(const plugin::Conf& conf, const plugin::BuildContext& context,
              std::string_view no_route_id = {});

  // `entry`: JSON text.
  virtual void write(std::string entry) = 0;
  plugin::Deps& deps() const { return deps_; }
  // Of this plugin, as it is now; null: none.
  base::Ref<const plugin::Metadata> metadata() const { return deps_.directory.metadata(plugin_); }

 private:
  plugin::Deps& deps_;
  const std::string plugin_;
  const std::string_view no_route_id_;
  plugin::LogEntry entry_;
};

}  // namespace apisix::plugins
