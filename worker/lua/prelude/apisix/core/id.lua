-- core.id: the instance's uid, and ids of requests.
local gateway = require("gateway.info")

return {
    version = 0.1,
    init = function() end,
    get = function() return gateway.instance_id end,
    gen_uuid_v4 = function() return require("resty.jit-uuid").generate_v4() end,
}
