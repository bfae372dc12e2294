-- core.schema: the gateway's own checker of JSON schemas, on Lua tables. Defaults are written into the table.
-- The members of apisix.schema_def are here too (core.schema.ip_def).
local schemas = require("gateway.schema")
local check = schemas.check

return setmetatable({
    version = 0.3, TYPE_CONSUMER = 1, TYPE_METADATA = 2,
    check = function(schema, data)
        return check(schema, data)
    end,
    -- A checker of values; nil and why when the schema is none.
    valid = function(schema)
        local ok, err = schemas.compile(schema)
        if not ok then
            return nil, err
        end
        return function(data)
            return check(schema, data)
        end
    end,
}, {
    __index = function(_, name)
        return require("apisix.schema_def")[name]
    end,
})
