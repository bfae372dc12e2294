-- apisix.router: the gateway matches; scripts can only look.
local objects = require("gateway.objects")

local function http_routes()
    return objects.list("routes")
end

return {
    version = 0.3,
    router_http = { routes = http_routes },
    http_routes = http_routes,
    stream_routes = function() return nil, nil end,
    ssls = function() return nil, nil end,
}
