-- apisix.plugins.limit-conn.init: increase() in access, decrease() in log, with one configuration.
local module = require("gateway.native_plugin").module("limit-conn")

return {
    increase = function(conf) return module.access(conf) end,
    decrease = function(conf) return module.log(conf) end,
}
