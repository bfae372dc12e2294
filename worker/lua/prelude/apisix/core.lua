-- apisix.core: its parts are loaded when they are first used.
local parts = {
    version = "apisix.core.version", log = "apisix.core.log", config = "apisix.core.config", config_util = "apisix.core.config_util",
    sleep = false, json = "apisix.core.json", table = "apisix.core.table", request = "apisix.core.request",
    response = "apisix.core.response", lrucache = "apisix.core.lrucache", schema = "apisix.schema_def_check", string = "apisix.core.string",
    ctx = "apisix.core.ctx", timer = "apisix.core.timer", id = "apisix.core.id", ip = "apisix.core.ip", io = "apisix.core.io",
    utils = "apisix.core.utils", dns_client = "apisix.core.dns.client", etcd = "apisix.core.etcd", tablepool = "tablepool",
    resolver = "apisix.core.resolver", os = "apisix.core.os", pubsub = "apisix.core.pubsub", math = "apisix.core.math",
    event = "apisix.core.event", env = "apisix.core.env", profile = "apisix.core.profile", config_local = "apisix.core.config_local",
}
parts.schema = "apisix.core.schema"
parts.sleep = nil

return setmetatable({ empty_tab = {} }, {
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
