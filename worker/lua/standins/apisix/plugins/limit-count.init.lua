-- apisix.plugins.limit-count.init: the counting of limit-count, for plugins that put more around it.
local module = require("gateway.native_plugin").module("limit-count")

return {
    schema = module.schema, check_schema = module.check_schema,
    -- `name` and `cost` of APISIX's function are not taken: each configuration counts for itself, one at a time.
    rate_limit = function(conf) return module.access(conf) end,
}
