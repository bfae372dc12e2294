-- apisix.core: its parts are loaded when they are first used.
local parts = { tablepool = "tablepool", dns_client = "apisix.core.dns.client" }
for name in ([[version log config config_util config_local json table request response lrucache schema string ctx timer
        id ip io utils resolver os math event env profile etcd pubsub data_encryption]]):gmatch("%S+") do
    parts[name] = "apisix.core." .. name
end

return setmetatable({
    empty_tab = {},
    sleep = function(seconds)
        return require("apisix.core.utils").sleep(seconds)
    end,
}, {
    __index = function(core, name)
        local module = parts[name]
        if not module then
            return nil
        end
        local part = require(module)
        core[name] = part
        return part
    end,
})
