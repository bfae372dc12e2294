-- What apisix.discovery.NAME is: the registries of services are not built into this gateway.
return function(name)
    local function refuse(_)
        return nil, "service discovery with " .. name .. " is not available in this gateway"
    end
    return {
        version = 0.1, nodes = refuse, all_nodes = refuse, init_worker = function() end,
        dump_data = function() return {} end, get_health_checkers = function() return {} end,
    }
end
