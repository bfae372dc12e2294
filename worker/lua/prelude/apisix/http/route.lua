-- apisix.http.route: the gateway matches routes itself.
local function refuse()
    return nil, "routes are matched by the gateway"
end

return { create_radixtree_uri_router = refuse, match_uri = refuse, init_worker = function() end }
