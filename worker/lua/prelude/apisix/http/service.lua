-- apisix.http.service
local data = require("gateway.data")

return {
    get = function(id) return data.object("services", tostring(id)) end,
    services = function() return nil, 0 end,
}
