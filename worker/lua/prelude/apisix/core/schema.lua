-- core.schema: the gateway's own checker of JSON schemas, on Lua tables. Defaults are written into the table.
-- The members of apisix.schema_def are here too (core.schema.ip_def).
local check = require("gateway.schema").check

return setmetatable({
    version = 0.3, TYPE_CONSUMER = 1, TYPE_METADATA = 2,
    check = function(schema, data)
        return check(schema, data)
    end,
    valid = function(schema)
        return function(data)
            return check(schema, data)
        end
    end,
}, {
    __index = function(_, name)
        return require("apisix.schema_def")[name]
    end,
})
