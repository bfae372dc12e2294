-- apisix.http.service
local objects = require("gateway.objects")

return {
    version = 0.2,
    get = function(id) return objects.get("services", id) end,
    services = function() return objects.list("services") end,
}
