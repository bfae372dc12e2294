-- apisix.plugins.ip-restriction.init: the check without the plugin around it.
local module = require("gateway.native_plugin").module("ip-restriction")

module.restrict = module.access or module.rewrite
return module
