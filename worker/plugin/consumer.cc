#include "worker/plugin/consumer.h"

#include "worker/plugin/plugin_conf.h"

namespace apisix::plugin {

Consumer::Consumer() = default;
Consumer::~Consumer() = default;

}  // namespace apisix::plugin
