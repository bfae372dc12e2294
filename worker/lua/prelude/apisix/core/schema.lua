-- core.schema: the gateway's own checker of JSON schemas, on Lua tables. Defaults are written into the table.
local check = require("gateway.schema").check

return {
    version = 0.3, TYPE_CONSUMER = 1, TYPE_METADATA = 2,
    check = function(schema, data)
        return check(schema, data)
    end,
}
